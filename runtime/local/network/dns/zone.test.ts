import { expect, test } from 'vitest'
import { Resolver } from './zone.ts'

const api = {
  name: 'api',
  namespace: 'shop',
  addresses: ['10.96.1.1'],
  ports: [
    { name: 'http', port: 80 },
    { name: '', port: 90 },
  ],
}
const pods = [
  { hostname: 'db-0', ip: '10.244.0.5', ports: [{ name: 'pg', port: 5432 }] },
  { hostname: 'db-1', ip: '10.244.0.6', ports: [{ name: 'pg', port: 5432 }] },
]
const db = { name: 'db', namespace: 'shop', addresses: pods.map(({ ip }) => ip), pods }
const alias = { name: 'alias', namespace: 'shop', addresses: [], externalName: 'api.shop.svc.cluster.local' }
const out = { name: 'out', namespace: 'shop', addresses: ['10.96.2.2'], externalName: 'api.example.com.' }
const itself = { name: 'it', namespace: 'shop', addresses: [], externalName: 'it.shop.svc.cluster.local' }
const resolver = new Resolver({
  services: [api, db, alias, out, itself],
  hosts: { 'Files.example.com': '10.96.2.3' },
})

const data = (name: string, type = 'A'): unknown => {
  const { rcode, answers } = resolver.resolve(name, type)
  return rcode === 'NOERROR' ? answers.map((answer) => ('data' in answer ? answer.data : answer)) : rcode
}

test('Services, pods of headless Services and declared hosts have addresses, whatever the case', () => {
  expect(data('API.shop.svc.cluster.local.')).toEqual(['10.96.1.1'])
  expect(data('db.shop.svc.cluster.local')).toEqual(['10.244.0.5', '10.244.0.6'])
  expect(data('db-1.db.shop.svc.cluster.local')).toEqual(['10.244.0.6'])
  expect(data('files.EXAMPLE.com')).toEqual(['10.96.2.3'])
  expect(resolver.addressOf('alias.shop.svc.cluster.local')).toBe('10.96.1.1')
  expect(resolver.addressOf('none.shop.svc.cluster.local')).toBeUndefined()
})

test('a name that exists has no records of other types, and names on the way to it exist', () => {
  for (const type of ['AAAA', 'MX', 'TXT']) expect(data('api.shop.svc.cluster.local', type)).toEqual([])
  for (const name of ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local']) {
    expect(data(name)).toEqual([])
  }
})

test.each([
  'api',
  'api.shop',
  'no.shop.svc.cluster.local',
  'other.svc.cluster.local',
  'db-2.db.shop.svc.cluster.local',
  'x.api.shop.svc.cluster.local',
  '_http._udp.api.shop.svc.cluster.local',
  'a._http._tcp.api.shop.svc.cluster.local',
  'example.com',
  '',
])('%s does not exist', (name) => {
  expect(data(name)).toBe('NXDOMAIN')
  expect(data(name, 'SRV')).toBe('NXDOMAIN')
})

test('SRV names the port, and the pods of a headless Service', () => {
  const target = 'api.shop.svc.cluster.local'
  expect(data(`_http._tcp.${target}`, 'SRV')).toEqual([{ priority: 0, weight: 100, port: 80, target }])
  expect(data(target, 'SRV')).toMatchObject([{ port: 80 }, { port: 90 }])
  const { answers, additionals } = resolver.resolve('_pg._tcp.db.shop.svc.cluster.local', 'SRV')
  expect(answers).toMatchObject([
    { name: '_pg._tcp.db.shop.svc.cluster.local', data: { target: 'db-0.db.shop.svc.cluster.local' } },
    { data: { port: 5432, target: 'db-1.db.shop.svc.cluster.local' } },
  ])
  expect(additionals).toMatchObject([
    { name: 'db-0.db.shop.svc.cluster.local', data: '10.244.0.5' },
    { data: '10.244.0.6' },
  ])
})

test('ExternalNames that stand for each other have no address, and do not end the resolver', () => {
  const circle = ['one', 'two'].map((name, index, names) => {
    const externalName = `${names[1 - index]}.shop.svc.cluster.local`
    return { name, namespace: 'shop', addresses: [], externalName }
  })
  const circular = new Resolver({ services: circle, hosts: {} })
  expect(circular.addressOf('one.shop.svc.cluster.local')).toBeUndefined()
  expect(circular.resolve('two.shop.svc.cluster.local', 'A').answers.length).toBeLessThan(20)
})

test('an ExternalName is an alias, with the address of what it stands for', () => {
  expect(data('alias.shop.svc.cluster.local')).toEqual(['api.shop.svc.cluster.local', '10.96.1.1'])
  expect(data('out.shop.svc.cluster.local')).toEqual(['api.example.com', '10.96.2.2'])
  expect(data('out.shop.svc.cluster.local', 'AAAA')).toEqual(['api.example.com'])
  expect(data('it.shop.svc.cluster.local')).toEqual(['it.shop.svc.cluster.local'])
})
