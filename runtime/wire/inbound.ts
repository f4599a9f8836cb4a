import { SIDECAR_FIRST_INBOUND_PORT, SIDECAR_MAX_INBOUND_PORTS } from './names.ts'

/** What a port speaks. `auto` is sniffed; the rest is said by `appProtocol` or the port's name. */
export const PROTOCOLS = ['http', 'http2', 'grpc', 'tcp', 'auto'] as const
export type Protocol = (typeof PROTOCOLS)[number]

/** One listener of a sidecar: where it listens, and the port of the app for which it stands. */
export interface Inbound {
  readonly port: number
  readonly appPort: number
  readonly protocol: Protocol
}

const ENTRY = /^(\d{1,5})=(\d{1,5})\/([a-z0-9]+)$/

/** The sidecar's listeners as one line, e.g. `25001=8080/http,25002=5432/tcp`. */
export function formatInbound(inbound: readonly Inbound[]): string {
  return inbound.map(({ port, appPort, protocol }) => `${port}=${appPort}/${protocol}`).join(',')
}

/** The reverse of {@link formatInbound}. Throws a RangeError that names the entry that is wrong. */
export function parseInbound(line: string): Inbound[] {
  if (line.trim() === '') return []
  const entries = line.split(',').map((entry) => parseEntry(entry.trim()))
  if (entries.length > SIDECAR_MAX_INBOUND_PORTS) {
    throw new RangeError(
      `${entries.length} inbound ports: a sidecar serves ${SIDECAR_MAX_INBOUND_PORTS} at most`,
    )
  }
  const ports = new Set(entries.map((entry) => entry.port))
  if (ports.size !== entries.length) throw new RangeError(`inbound ports ${line}: one of them is there twice`)
  return entries
}

function parseEntry(entry: string): Inbound {
  const [, port, appPort, protocol] = ENTRY.exec(entry) ?? []
  const parsed = { port: Number(port), appPort: Number(appPort), protocol: protocol as Protocol }
  const valid = isPort(parsed.port) && isPort(parsed.appPort) && PROTOCOLS.includes(parsed.protocol)
  if (valid) return parsed
  throw new RangeError(
    `inbound port ${JSON.stringify(entry)}: wanted LISTEN=APP/PROTOCOL, such as ` +
      `${SIDECAR_FIRST_INBOUND_PORT}=8080/http, with a protocol out of ${PROTOCOLS.join(', ')}`,
  )
}

const isPort = (port: number): boolean => port >= 1 && port <= 65535

/**
 * What a Service port speaks, by `appProtocol`, else by the port's name or the part before its first hyphen
 * (as Istio's and Gateway API's conventions have it), else `auto`.
 */
export function protocolOf(port: { appProtocol?: string; name?: string }): Protocol {
  const said = port.appProtocol ?? port.name?.split('-', 1)[0]
  return SPOKEN.get(said?.toLowerCase() ?? '') ?? (port.appProtocol === undefined ? 'auto' : 'tcp')
}

const SPOKEN = new Map<string, Protocol>([
  ['http', 'http'],
  ['http1', 'http'],
  ['ws', 'http'],
  ['kubernetes.io/ws', 'http'],
  ['http2', 'http2'],
  ['h2c', 'http2'],
  ['kubernetes.io/h2c', 'http2'],
  ['grpc', 'grpc'],
  ['tcp', 'tcp'],
  ['tls', 'tcp'],
  ['https', 'tcp'],
  ['mongo', 'tcp'],
  ['mysql', 'tcp'],
  ['postgres', 'tcp'],
  ['postgresql', 'tcp'],
  ['redis', 'tcp'],
])
