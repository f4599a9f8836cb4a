import { Resolver as Client } from 'node:dns/promises'
import { connect } from 'node:net'
import { once } from 'node:events'
import { decode, encode, streamEncode } from 'dns-packet'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { respond, serveDns } from './server.ts'
import { Resolver } from './zone.ts'

const addresses = Array.from({ length: 100 }, (_, index) => `10.96.1.${index}`)
const resolver = new Resolver({
  services: [
    { name: 'api', namespace: 'shop', addresses: ['10.96.0.20'], ports: [{ name: 'http', port: 80 }] },
    { name: 'many', namespace: 'shop', addresses },
  ],
  hosts: {},
})
const resolve = (name: string, type: string) => resolver.resolve(name, type)
const question = (name: string) => [{ type: 'A' as const, name, class: 'IN' as const }]
const query = (name: string, more: object = {}) => ({
  type: 'query' as const,
  id: 7,
  questions: question(name),
  ...more,
})

const OFFER = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 4096,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  options: [],
}

/** Serves at a free port. Servers of two protocols share the number. */
async function served(): Promise<{ client: Client; port: number; asked: string[] }> {
  const asked: string[] = []
  const server = await serveDns({
    host: '127.0.0.1',
    port: 0,
    resolve: (name, type, from) => {
      asked.push(from)
      return resolve(name, type)
    },
  })
  const { port } = server
  onTestFinished(() => server.close())
  const client = new Client()
  client.setServers([`127.0.0.1:${port}`])
  return { client, port, asked }
}

test('a client of its own asks by UDP, and by TCP if the response is too long', async () => {
  const { client, asked } = await served()
  expect(await client.resolve4('api.shop.svc.cluster.local')).toEqual(['10.96.0.20'])
  expect(await client.resolveSrv('_http._tcp.api.shop.svc.cluster.local')).toMatchObject([
    { name: 'api.shop.svc.cluster.local', port: 80, priority: 0, weight: 100 },
  ])
  expect(await client.resolve4('many.shop.svc.cluster.local')).toHaveLength(100)
  await expect(client.resolve4('no.shop.svc.cluster.local')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  await expect(client.resolve6('api.shop.svc.cluster.local')).rejects.toMatchObject({ code: 'ENODATA' })
  expect(new Set(asked)).toEqual(new Set(['127.0.0.1']))
})

test('a connection carries several questions, which may come in pieces', async () => {
  const { port } = await served()
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const bytes = Buffer.concat([
    streamEncode(query('api.shop.svc.cluster.local')),
    streamEncode(query('no.shop.svc.cluster.local')),
  ])
  for (const byte of bytes) socket.write(Buffer.from([byte]))
  let got = Buffer.alloc(0)
  const lengths = (): number[] => {
    const found: number[] = []
    for (let at = 0; at + 2 <= got.length && at + 2 + got.readUInt16BE(at) <= got.length;) {
      found.push(at)
      at += 2 + got.readUInt16BE(at)
    }
    return found
  }
  while (lengths().length < 2) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    got = Buffer.concat([got, chunk])
  }
  const second = lengths()[1] as number
  expect(decode(got.subarray(2))).toMatchObject({ id: 7, rcode: 'NOERROR' })
  expect(decode(got.subarray(second + 2))).toMatchObject({ id: 7, rcode: 'NXDOMAIN' })
})

test('a response that is too long by UDP is empty and truncated; a client that offers room gets more', () => {
  const short = decode(respond(encode(query('many.shop.svc.cluster.local')), resolve, 'udp') as Buffer)
  expect(short).toMatchObject({ flag_tc: true, answers: [] })
  const few = new Resolver({
    services: [{ name: 'few', namespace: 'shop', addresses: addresses.slice(0, 20) }],
    hosts: {},
  })
  const ask = encode(query('few.shop.svc.cluster.local', { additionals: [OFFER] }))
  const long = decode(respond(ask, (name, type) => few.resolve(name, type), 'udp') as Buffer)
  expect(long).toMatchObject({ flag_tc: false })
  expect(long.answers).toHaveLength(20)
})

test('other operations and classes are not implemented, and what is no question gets no response', () => {
  const status = encode({ type: 'query', id: 1, flags: 2 << 11, questions: question('api') })
  expect(decode(respond(status, resolve, 'udp') as Buffer)).toMatchObject({ rcode: 'NOTIMP', id: 1 })
  expect(
    respond(encode({ type: 'response', id: 1, questions: question('api') }), resolve, 'udp'),
  ).toBeUndefined()
  expect(respond(encode({ type: 'query', id: 1 }), resolve, 'udp')).toBeUndefined()
  const valid = encode(query('api.shop.svc.cluster.local', { additionals: [OFFER] }))
  const damaged = fc
    .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 8 })
    .map((changes) => {
      const bytes = Buffer.from(valid)
      for (const [index, byte] of changes) bytes[index] = byte
      return bytes
    })
  const messages = fc.oneof(fc.uint8Array({ maxLength: 600 }), damaged)
  fc.assert(
    fc.property(messages, (bytes) => {
      const response = respond(bytes, resolve, 'udp')
      respond(bytes, resolve, 'tcp')
      if (response === undefined) return
      expect(response.length).toBeLessThanOrEqual(1232)
      expect(response.readUInt16BE(0)).toBe(Buffer.from(bytes).readUInt16BE(0))
    }),
  )
})
