import { expect, test } from 'vitest'
import { CliError } from '../platform/errors.ts'
import { parseCircuits } from './file.ts'
import { circuitOf, parseHeader, parseHealth, parseLabels, parseLimit } from './flags.ts'
import { parseTarget } from './target-text.ts'

test.each([
  ['10.0.0.7:8888', { address: '10.0.0.7:8888', weight: 1 }],
  ['a@10.0.0.7:8888=3', { id: 'a', address: '10.0.0.7:8888', weight: 3 }],
  ['[2001:db8::7]:22', { address: '[2001:db8::7]:22', weight: 1 }],
  ['db.example.com:5432=0', { address: 'db.example.com:5432', weight: 0 }],
  ['10.0.0.7', undefined],
  ['10.0.0.7:99999', undefined],
  ['10.0.0.7:80=heavy', undefined],
])('the target %s', (text, expected) => {
  expect(parseTarget(text)).toEqual(expected)
})

test('options become a circuit', () => {
  const [one, other] = [parseTarget('a@10.0.0.7:80=3'), parseTarget('10.0.0.8:80')]
  if (one === undefined || other === undefined) throw new Error('they are targets')
  const circuit = circuitOf('web', {
    target: [one, other],
    label: 'web',
    host: ['web.example.com'],
    health: { type: 'http', path: '/healthz' },
    allow: ['10.0.0.0/8'],
    limit: [['connections', '100']],
    appHost: 'target',
  })
  expect(circuit).toMatchObject({
    key: 'web',
    frontend: { type: 'subdomain', label: 'web', hosts: ['web.example.com'] },
    balancing: 'weighted',
    access: { type: 'organization', allow: ['10.0.0.0/8'] },
    limits: { connections: 100 },
    rewrite: { host: 'target' },
  })
})

test('a port circuit is for TCP, and open to the addresses that it names', () => {
  expect(circuitOf('db', { port: true, allow: ['10.0.0.0/8'] })).toMatchObject({
    frontend: { type: 'port' },
    backend: 'tcp',
    access: { type: 'public' },
  })
  expect(() => circuitOf('db', { port: 30_000, label: 'db' })).toThrow('--port and --label')
})

test('each wrong option is named', () => {
  const make = (): unknown => circuitOf('-', { allow: ['10.0.0'], host: ['UPPER'], ttl: 'soon' })
  expect(make).toThrow(CliError)
  expect(make).toThrow(/the key: [^]*--host: [^]*--allow: [^]*--ttl: /)
})

test('values of options', () => {
  expect(parseHealth('tcp')).toEqual({ type: 'tcp' })
  expect(parseHealth('healthz')).toBeUndefined()
  expect(parseLabels('app=web,tier=')).toEqual({ app: 'web', tier: '' })
  expect(parseLabels('app')).toBeUndefined()
  expect(parseLimit('connections=100')).toEqual(['connections', '100'])
  expect(parseLimit('speed=1')).toBeUndefined()
  expect(parseHeader('X-Team: web')).toEqual(['x-team', 'web'])
  expect(parseHeader('team')).toBeUndefined()
})

test('files have one circuit, several documents, a list or items, and every fault is named', () => {
  const one = 'key: a\nfrontend: {type: subdomain}\n'
  expect(parseCircuits(`${one}---\n${one}`, 'f')).toHaveLength(2)
  expect(parseCircuits(`[{"key":"a","frontend":{"type":"port"}}]`, 'f')).toHaveLength(1)
  expect(parseCircuits(`items:\n- key: a\n  frontend: {type: port}\n`, 'f')).toHaveLength(1)
  expect(() => parseCircuits('', 'f')).toThrow('f has no circuits')
  expect(() => parseCircuits(`${one}balance: x\n---\nkey: b\n`, 'f')).toThrow(/f: a: [^]*f: b: frontend/)
})
