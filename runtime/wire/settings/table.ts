/** What a setting counts. A time's variable has the suffix `_MS`. */
export type Unit = 'ms' | 'bytes' | 'count'
/** The processes that have settings. */
export type SettingProcess = 'sidecar' | 'relay'

/** One wait or size that can be set. */
export interface Setting {
  readonly unit: Unit
  /** One sentence: what it bounds, and what becomes of what is over it. */
  readonly doc: string
  /** The default of each process that has it; what it may be is from `min` to `max`. */
  readonly sidecar?: number
  readonly relay?: number
  readonly min: number
  readonly max: number
  /** The fields that it sets, as `part.field`, e.g. `http.headBytes` (`config`: of the process itself). */
  readonly sets: readonly string[]
}

const S = 1_000
const MIN = 60 * S
const H = 60 * MIN
const KI = 1024
const MI = 1024 * KI

/**
 * How long a hop waits that is not the last one, for a response or for its next byte: longer than any workload's own
 * setting, so that the sidecar in front of the app decides, and says why.
 */
export const FARTHEST_WAIT_MS = 70 * MIN
/** The longest that a workload may set these to, which every hop before it waits for. */
const FAR = { min: 100, max: H }
/** What one process alone decides. */
const OWN = { min: 100, max: 24 * H }
const SIZE = { min: KI, max: 64 * MI }
const NUMBER = { min: 1, max: 1_000_000 }

/**
 * Every wait and every size that can be set, by name. A name gives the variable (`response-timeout` is
 * BRANCHLINE_RESPONSE_TIMEOUT_MS, in milliseconds; sizes are bytes) and the annotation on a pod template
 * (`branchline.dev/response-timeout: 10m`). One line here is all that a new setting takes: processes read it into the
 * fields that it names, the injection renders it, and the reference lists it.
 *
 * The relay takes smaller heads than sidecars, by more than what it adds.
 */
// prettier-ignore
export const SETTINGS = {
  'response-timeout': { unit: 'ms', sidecar: 2 * MIN, relay: FARTHEST_WAIT_MS, min: FAR.min, max: FARTHEST_WAIT_MS, sets: ['http.upstreamResponseMs', 'http2.upstreamResponseMs'], doc: 'From the end of a request to the head of its response; 504.' },
  'stream-idle-timeout': { unit: 'ms', sidecar: 5 * MIN, relay: FARTHEST_WAIT_MS, min: FAR.min, max: FARTHEST_WAIT_MS, sets: ['http.responseProgressMs', 'http2.responseProgressMs'], doc: 'Without one byte of a response that has begun, such as an event stream; the response is cut.' },
  'hop-timeout': { unit: 'ms', sidecar: FARTHEST_WAIT_MS, min: FAR.min, max: FARTHEST_WAIT_MS, sets: ['hop.upstreamResponseMs', 'hop.responseProgressMs'], doc: 'How long a sidecar waits for a response of another sidecar, or for its next byte; that one decides by its own response-timeout and stream-idle-timeout.' },
  'request-idle-timeout': { unit: 'ms', sidecar: 60 * S, relay: 60 * S, ...OWN, sets: ['http.requestProgressMs', 'http2.requestProgressMs'], doc: 'Without one byte of a request body that the client owes; 408.' },
  'head-timeout': { unit: 'ms', sidecar: 10 * S, relay: 10 * S, ...OWN, sets: ['http.headMs', 'http2.headMs'], doc: 'For the whole head of a request; 408.' },
  'first-byte-timeout': { unit: 'ms', sidecar: 10 * S, ...OWN, sets: ['opening.firstByteMs'], doc: 'Without a byte from the client of a port that speaks HTTP, or of one whose app cannot be reached; the connection ends.' },
  'first-line-timeout': { unit: 'ms', sidecar: 3 * S, ...OWN, sets: ['opening.firstLineMs'], doc: 'Without another byte of a first line that is not complete; it is judged by its beginning.' },
  'silence-timeout': { unit: 'ms', sidecar: 50, min: 1, max: MIN, sets: ['opening.silenceMs'], doc: 'Without a byte from the client of an undeclared port; the app is asked to speak first.' },
  'keep-alive-timeout': { unit: 'ms', sidecar: 75 * S, relay: 75 * S, ...OWN, sets: ['http.idleMs'], doc: 'Between two requests of an HTTP/1.1 connection; it is closed.' },
  'http2-idle-timeout': { unit: 'ms', sidecar: 10 * MIN, ...OWN, sets: ['http2.idleMs'], doc: 'An HTTP/2 connection without a stream; it gets a GOAWAY.' },
  'call-idle-timeout': { unit: 'ms', sidecar: H, ...OWN, sets: ['http2.callIdleMs'], doc: 'A gRPC call without a byte either way; it is cut.' },
  'upgrade-idle-timeout': { unit: 'ms', sidecar: H, relay: H, ...OWN, sets: ['http.pipeIdleMs'], doc: 'A WebSocket or another upgraded connection without a byte either way; it is cut.' },
  'raw-idle-timeout': { unit: 'ms', sidecar: 24 * H, min: 100, max: 7 * 24 * H, sets: ['raw.idleTimeoutMs'], doc: 'A TCP connection without a byte either way; it is cut.' },
  'connect-timeout': { unit: 'ms', sidecar: 3 * S, relay: 8 * S, min: 100, max: 10 * MIN, sets: ['http.upstreamConnectMs', 'http2.upstreamConnectMs', 'raw.connectTimeoutMs'], doc: 'To connect to one endpoint; the next one is tried.' },
  'hello-timeout': { unit: 'ms', sidecar: 30 * S, ...OWN, sets: ['http2.upstreamHelloMs'], doc: 'From an HTTP/2 connection to an app to its SETTINGS; 504.' },
  'pool-idle-timeout': { unit: 'ms', sidecar: 4 * S, relay: 4 * S, ...OWN, sets: ['http.poolIdleMs'], doc: 'How long an unused HTTP/1.1 connection to an app is kept; shorter than the app keeps it.' },
  'pool-stale-delay': { unit: 'ms', sidecar: 50, relay: S, min: 0, max: MIN, sets: ['http.poolStaleMs'], doc: 'A kept connection that closes so soon after a request was stale: what is safe to repeat is sent again.' },
  'http2-pool-idle-timeout': { unit: 'ms', sidecar: MIN, ...OWN, sets: ['http2.poolIdleMs'], doc: 'How long an unused HTTP/2 connection to an app is kept.' },
  'half-close-delay': { unit: 'ms', sidecar: 100, relay: 0, min: 0, max: MIN, sets: ['http.halfCloseMs'], doc: 'A client that ends its direction so soon after its request waits for its answer; later, it has left. 0: always.' },
  'held-timeout': { unit: 'ms', sidecar: 2 * S, ...OWN, sets: ['http2.heldMs'], doc: 'A client that does not read its response of HTTP/2 for so long gets a connection of its own to the app.' },
  'linger-timeout': { unit: 'ms', sidecar: 2 * S, relay: 2 * S, min: 10, max: 5 * MIN, sets: ['http.lingerMs', 'http2.lingerMs'], doc: 'Without a byte from a client that has its last response; it is cut.' },
  'linger-total-timeout': { unit: 'ms', sidecar: 30 * S, relay: 30 * S, min: 10, max: H, sets: ['http.lingerTotalMs'], doc: 'The same in all: so long the rest of an unwanted body is read and dropped.' },
  'hold-timeout': { unit: 'ms', sidecar: 10 * S, min: 0, max: 100 * S, sets: ['config.holdTimeoutMs'], doc: 'From the beginning of an outage, how long requests wait under onUnavailable: hold.' },
  'first-table-timeout': { unit: 'ms', sidecar: 5 * S, min: 0, max: 5 * MIN, sets: ['config.firstTableTimeoutMs'], doc: 'How long readiness waits for the first route table; the pod then serves without one.' },
  'drain-delay': { unit: 'ms', sidecar: 500, min: 0, max: 5 * MIN, sets: ['config.drainDelayMs'], doc: 'How long a sidecar that stops still accepts, not ready any more.' },
  'drain-timeout': { unit: 'ms', sidecar: 20 * S, relay: 20 * S, min: 0, max: H, sets: ['config.drainTimeoutMs', 'http.drainMs', 'http2.drainMs'], doc: 'How long what runs may take when a process stops; the rest is cut.' },
  'head-bytes': { unit: 'bytes', sidecar: 32 * KI, relay: 28 * KI, min: KI, max: MI, sets: ['http.headBytes', 'http2.headBytes'], doc: 'The head of a request, and its trailers; 431.' },
  'head-fields': { unit: 'count', sidecar: 128, relay: 118, min: 8, max: 10_000, sets: ['http.headerCount', 'http2.headerCount'], doc: 'Fields of the head of a request, and of its trailers; 431.' },
  'response-head-bytes': { unit: 'bytes', sidecar: 32 * KI, relay: 128 * KI, min: KI, max: MI, sets: ['http.responseHeadBytes'], doc: 'The head of a response of HTTP/1.1, and its trailers; 502.' },
  'response-head-fields': { unit: 'count', sidecar: 128, relay: 512, min: 8, max: 10_000, sets: ['http.responseHeaderCount'], doc: 'Fields of the head of a response of HTTP/1.1, and of its trailers; 502.' },
  'kept-free-bytes': { unit: 'bytes', sidecar: 4 * KI, relay: 4 * KI, min: 0, max: MI, sets: ['http.keptFreeBytes'], doc: 'What one connection may keep of heads without counting towards kept-total-bytes.' },
  'kept-total-bytes': { unit: 'bytes', sidecar: 64 * MI, relay: 64 * MI, min: 0, max: 2 ** 40, sets: ['http.keptTotalBytes'], doc: 'Heads that all connections keep together; 503. An eighth of the memory of the container, where that is limited.' },
  'held-bytes': { unit: 'bytes', sidecar: 16 * KI, relay: 16 * KI, ...SIZE, sets: ['http.heldBytes'], doc: 'What is read ahead of a client whose request is not answered.' },
  'replay-bytes': { unit: 'bytes', sidecar: 16 * KI, ...SIZE, sets: ['http2.replayBytes'], doc: 'A request body of HTTP/2 that is kept to be sent again where that is safe.' },
  'stream-window': { unit: 'bytes', sidecar: 65_535, min: 16 * KI, max: 16 * MI, sets: ['http2.streamWindow'], doc: 'What an HTTP/2 stream may send before it was passed on.' },
  'connection-window': { unit: 'bytes', sidecar: MI, min: 64 * KI, max: 64 * MI, sets: ['http2.connectionWindow'], doc: 'The same of all streams of a connection.' },
  'interim-responses': { unit: 'count', sidecar: 32, relay: 32, ...NUMBER, sets: ['http.interimResponses', 'http2.interimResponses'], doc: 'Interim responses (1xx) to one request; 502.' },
  'connections': { unit: 'count', sidecar: 10_000, relay: 10_000, ...NUMBER, sets: ['http.connections', 'http2.connections', 'opening.openings'], doc: 'Client connections at one time, of HTTP/1.1 and of HTTP/2 each; 503, or a GOAWAY. Less where the memory of the container has no room for so many.' },
  'connections-per-address': { unit: 'count', relay: 1_000, min: 0, max: 1_000_000, sets: ['relay.connectionsPerAddress'], doc: 'Connections of visitors of one address; more are closed. 0: no bound.' },
  'requests-per-address': { unit: 'count', relay: 256, min: 0, max: 1_000_000, sets: ['relay.requestsPerAddress'], doc: 'Requests of one address that run at a time; 503. 0: no bound.' },
  'requests-per-preview': { unit: 'count', relay: 1_024, min: 0, max: 1_000_000, sets: ['relay.requestsPerPreview'], doc: 'Requests of one preview that run at a time; 503. 0: no bound.' },
  'streams': { unit: 'count', sidecar: 128, min: 1, max: 10_000, sets: ['http2.streams'], doc: 'Streams of one HTTP/2 connection at one time.' },
  'streams-total': { unit: 'count', sidecar: 20_000, ...NUMBER, sets: ['http2.streamsTotal'], doc: 'Streams of all HTTP/2 connections; the next one is refused.' },
  'pool-size': { unit: 'count', sidecar: 256, relay: 128, ...NUMBER, sets: ['http.poolSize'], doc: 'Unused HTTP/1.1 connections that are kept to one upstream.' },
  'pool-total': { unit: 'count', sidecar: 2_048, relay: 512, ...NUMBER, sets: ['http.poolTotal'], doc: 'Unused HTTP/1.1 connections that are kept in all.' },
  'pool-sessions': { unit: 'count', sidecar: 32, min: 1, max: 1_000, sets: ['http2.poolSessions'], doc: 'HTTP/2 connections to one upstream; 503.' },
  'hold-requests': { unit: 'count', sidecar: 256, ...NUMBER, sets: ['hold.requests'], doc: 'Requests that wait under onUnavailable: hold; the next one falls back.' },
  'hold-bytes': { unit: 'bytes', sidecar: 4 * MI, ...SIZE, sets: ['hold.headBytes'], doc: 'The heads of requests that wait; as hold-requests.' },
  'links': { unit: 'count', relay: 256, ...NUMBER, sets: ['tunnelPort.accepted'], doc: 'Connections of clusters.' },
  'register-timeout': { unit: 'ms', relay: 5 * S, ...OWN, sets: ['relay.registerMs'], doc: 'From the connection of a cluster to its registration; it is closed.' },
  'labels': { unit: 'count', relay: 20_000, ...NUMBER, sets: ['relay.labels'], doc: 'Host labels of one cluster; more are refused.' },
  'credential-labels': { unit: 'count', relay: 50_000, ...NUMBER, sets: ['relay.credentialLabels'], doc: 'Host labels of all clusters of one credential; more are refused.' },
  'clusters': { unit: 'count', relay: 100, ...NUMBER, sets: ['relay.clusters'], doc: 'Clusters of one credential; one more is closed.' },
  'credential-links': { unit: 'count', relay: 128, ...NUMBER, sets: ['relay.credentialLinks'], doc: 'Connections of all clusters of one credential, registered or not; one more is refused with 503.' },
  'cluster-links': { unit: 'count', relay: 16, ...NUMBER, sets: ['relay.clusterLinks'], doc: 'Connections of one cluster; one more is closed.' },
  'return-timeout': { unit: 'ms', relay: 15 * S, min: 0, max: H, sets: ['relay.returnMs'], doc: 'From the start of the relay, how long hosts without a cluster get 503 while clusters return.' },
  'gone-timeout': { unit: 'ms', relay: 10 * MIN, min: 0, max: 24 * H, sets: ['relay.goneMs'], doc: 'How long a cluster that has gone keeps its labels.' },
  'tunnel-streams': { unit: 'count', relay: 2_048, min: 1, max: 2_048, sets: ['tunnel.streams'], doc: 'Streams of one tunnel at one time.' },
  'tunnel-pending-bytes': { unit: 'bytes', relay: 8 * MI, ...SIZE, sets: ['tunnel.pendingBytes'], doc: 'What waits for credit in one stream of a tunnel; it is reset.' },
} as const satisfies Readonly<Record<string, Setting>>

export type SettingName = keyof typeof SETTINGS

/** All settings that a process has, in the order of the table. */
export const settingsOf = (
  process: SettingProcess,
): [name: SettingName, setting: Setting, standard: number][] =>
  (Object.entries(SETTINGS) as [SettingName, Setting][]).flatMap(([name, setting]) => {
    const standard = setting[process]
    return standard === undefined ? [] : [[name, setting, standard] as [SettingName, Setting, number]]
  })

/** The environment variable of a setting. */
export const variableOf = (name: SettingName): string =>
  `BRANCHLINE_${name.toUpperCase().replaceAll('-', '_')}${(SETTINGS[name] as Setting).unit === 'ms' ? '_MS' : ''}`
