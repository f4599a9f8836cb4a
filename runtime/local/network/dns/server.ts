import { createSocket } from 'node:dgram'
import { createServer, type Socket } from 'node:net'
import { decode, encode, type Packet, RECURSION_AVAILABLE, streamEncode } from 'dns-packet'
import type { Resolution } from './zone.ts'

const PORT = 53
/** The maximum length of a response by UDP that every client accepts, in bytes (RFC 1035). */
const MAX_UDP_LENGTH = 512
/** The maximum length that we send if the client offers more, in bytes. It passes networks unfragmented (RFC 9715). */
const MAX_OFFERED_LENGTH = 1232
/** How long a connection may be idle, in milliseconds. */
const IDLE_MS = 5_000
const MAX_CONNECTIONS = 256
const RCODES = { NOERROR: 0, NXDOMAIN: 3, NOTIMP: 4 } as const
const AUTHORITATIVE = 1 << 10
const TRUNCATED = 1 << 9

export interface DnsServerOptions {
  readonly host: string
  /** Default: 53. */
  readonly port?: number
  /** Resolves a question of a client at an address. */
  readonly resolve: (name: string, type: string, client: string) => Resolution
}

/** A server of names, until it is closed. */
export interface DnsServer {
  readonly port: number
  close(): void
}

/** Serves DNS by UDP and TCP (RFC 1035). Resolves once it listens. */
export async function serveDns({ host, port = PORT, resolve }: DnsServerOptions): Promise<DnsServer> {
  const udp = createSocket('udp4')
  udp.on('error', () => undefined)
  udp.on('message', (bytes, client) => {
    const response = respond(bytes, (name, type) => resolve(name, type, client.address), 'udp')
    if (response !== undefined) udp.send(response, client.port, client.address)
  })
  const tcp = createServer((socket) => serveConnection(socket, resolve))
  tcp.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((listening, failed) => {
    udp.once('error', failed).bind({ address: host, port, exclusive: true }, listening)
  })
  await new Promise<void>((listening, failed) => {
    tcp.once('error', failed).listen({ host, port: udp.address().port, exclusive: true }, listening)
  })
  return {
    port: udp.address().port,
    close: () => {
      udp.close()
      tcp.close()
    },
  }
}

/** Each message has a length of two bytes before it (RFC 1035, 4.2.2). */
function serveConnection(socket: Socket, resolve: DnsServerOptions['resolve']): void {
  const client = socket.remoteAddress ?? ''
  let rest = Buffer.alloc(0)
  socket.setTimeout(IDLE_MS, () => socket.destroy())
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0)
      const response = respond(rest.subarray(2, end), (name, type) => resolve(name, type, client), 'tcp')
      rest = rest.subarray(end)
      if (response === undefined) socket.destroy()
      else socket.write(response)
    }
  })
}

/**
 * The response to a message, ready to send. Undefined if it is not a question, which gets no response. A response that
 * is too long for UDP says so, and the client asks again by TCP.
 */
export function respond(
  message: Uint8Array,
  resolve: (name: string, type: string) => Resolution,
  by: 'udp' | 'tcp',
): Buffer | undefined {
  const query = parsed(message)
  const [question] = query?.questions ?? []
  if (query === undefined || query.type !== 'query' || question === undefined) return undefined
  const isStandard = query.opcode === 'QUERY' && question.class === 'IN'
  const { rcode, answers, additionals = [] } = isStandard ? resolve(question.name, question.type) : REFUSED
  const flags = RCODES[rcode] | AUTHORITATIVE | RECURSION_AVAILABLE | ((query.flags ?? 0) & RECURSION_DESIRED)
  const response: Packet = { type: 'response', ...id(query), flags, questions: [question] }
  const whole = { ...response, answers: [...answers], additionals: [...additionals] }
  try {
    if (by === 'tcp') return streamEncode(whole)
    const bytes = encode(whole)
    return bytes.length <= udpLimit(query) ? bytes : encode({ ...response, flags: flags | TRUNCATED })
  } catch {
    // A question can be read that cannot be written, such as one with an empty label.
    return undefined
  }
}

const RECURSION_DESIRED = 1 << 8
const REFUSED = { rcode: 'NOTIMP', answers: [], additionals: [] } as const

const id = ({ id }: Packet): { id: number } => ({ id: id ?? 0 })

/** The length that the client accepts (RFC 6891). */
function udpLimit({ additionals = [] }: Packet): number {
  const offered = additionals.find(({ type }) => type === 'OPT')
  const size = offered !== undefined && 'udpPayloadSize' in offered ? offered.udpPayloadSize : 0
  return Math.min(Math.max(size, MAX_UDP_LENGTH), MAX_OFFERED_LENGTH)
}

function parsed(message: Uint8Array): (Packet & { opcode?: string }) | undefined {
  try {
    return decode(Buffer.from(message))
  } catch {
    return undefined
  }
}
