import { SIDECAR_FIRST_INBOUND_PORT, SIDECAR_MAX_INBOUND_PORTS } from './names.ts'

/**
 * The protocol of a port. For `auto` the sidecar detects the protocol from the first bytes. The others come from
 * `appProtocol` or the port's name.
 */
export const PROTOCOLS = ['http', 'http2', 'grpc', 'tcp', 'auto'] as const
export type Protocol = (typeof PROTOCOLS)[number]

/** One listener of a sidecar: the port on which it listens, and the app's port that it serves. */
export interface Inbound {
  readonly port: number
  readonly appPort: number
  readonly protocol: Protocol
}

const ENTRY = /^(\d{1,5})=(\d{1,5})\/([a-z0-9]+)$/

/** Formats the sidecar's listeners as one line, such as `25001=8080/http,25002=5432/tcp`. */
export function formatInbound(inbound: readonly Inbound[]): string {
  return inbound.map(({ port, appPort, protocol }) => `${port}=${appPort}/${protocol}`).join(',')
}

/** Parses the output of {@link formatInbound}. Throws a RangeError that names the invalid entry. */
export function parseInbound(line: string): Inbound[] {
  if (line.trim() === '') return []
  const entries = line.split(',').map((entry) => parseEntry(entry.trim()))
  if (entries.length > SIDECAR_MAX_INBOUND_PORTS) {
    throw new RangeError(
      `${entries.length} inbound ports: a sidecar serves at most ${SIDECAR_MAX_INBOUND_PORTS}`,
    )
  }
  const ports = new Set(entries.map((entry) => entry.port))
  if (ports.size !== entries.length) throw new RangeError(`inbound ports ${line}: a port is listed twice`)
  return entries
}

function parseEntry(entry: string): Inbound {
  const [, port, appPort, protocol] = ENTRY.exec(entry) ?? []
  const parsed = { port: Number(port), appPort: Number(appPort), protocol: protocol as Protocol }
  const valid = isPort(parsed.port) && isPort(parsed.appPort) && PROTOCOLS.includes(parsed.protocol)
  if (valid) return parsed
  throw new RangeError(
    `inbound port ${JSON.stringify(entry)}: wanted LISTEN=APP/PROTOCOL, such as ` +
      `${SIDECAR_FIRST_INBOUND_PORT}=8080/http, where PROTOCOL is one of ${PROTOCOLS.join(', ')}`,
  )
}

const isPort = (port: number): boolean => port >= 1 && port <= 65535

/**
 * Returns the protocol of a Service port. `appProtocol` decides. Without it, the port's name decides, up to its first
 * hyphen (the convention of Istio and Gateway API). Otherwise the protocol is `auto`.
 */
export function protocolOf(port: { appProtocol?: string; name?: string }): Protocol {
  const declared = port.appProtocol ?? port.name?.split('-', 1)[0]
  return DECLARED.get(declared?.toLowerCase() ?? '') ?? (port.appProtocol === undefined ? 'auto' : 'tcp')
}

const DECLARED = new Map<string, Protocol>([
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
