/** The unit of a setting. The variable of a time has the suffix `_MS`. */
export type Unit = 'ms' | 'bytes' | 'count'
/** The processes that have settings. */
export type SettingProcess = 'sidecar' | 'relay'

/** One wait or size that can be set. */
export interface Setting {
  readonly unit: Unit
  /** What the setting limits, and what happens above the limit. */
  readonly doc: string
  /** The default of each process that has the setting. Allowed values are from `min` to `max`. */
  readonly sidecar?: number
  readonly relay?: number
  readonly min: number
  readonly max: number
  /** The fields that the setting sets, as `part.field`, such as `http.headBytes`. `config` is the process itself. */
  readonly sets: readonly string[]
}

const S = 1_000
const MIN = 60 * S
const H = 60 * MIN
const KI = 1024
const MI = 1024 * KI

/**
 * How long every hop except the last waits for a response or its next byte. It is longer than any workload's own
 * setting, so that the sidecar in front of the app decides and gives the reason.
 */
export const FARTHEST_WAIT_MS = 70 * MIN
/** Allowed values of times that a workload sets. Every hop before it waits at least as long. */
const FAR = { min: 100, max: H }
/** Allowed values of times that concern only one process. */
const OWN = { min: 100, max: 24 * H }
const SIZE = { min: KI, max: 64 * MI }
const NUMBER = { min: 1, max: 1_000_000 }

/**
 * Every configurable wait and size, by name. The name determines the variable (`response-timeout` is
 * BRANCHLINE_RESPONSE_TIMEOUT_MS, in milliseconds; sizes are in bytes) and the annotation on a pod template
 * (`branchline.dev/response-timeout: 10m`). A new setting needs only a line here: processes read it into the fields that
 * it names, the injection renders it, and the reference lists it.
 *
 * The relay accepts smaller heads than sidecars. The difference is larger than what the relay adds.
 */
// prettier-ignore
export const SETTINGS = {
  'response-timeout': { unit: 'ms', sidecar: 2 * MIN, relay: FARTHEST_WAIT_MS, min: FAR.min, max: FARTHEST_WAIT_MS, sets: ['http.upstreamResponseMs', 'http2.upstreamResponseMs'], doc: 'Time from the end of a request to the head of its response. Then the sidecar or relay responds with 504.' },
  'stream-idle-timeout': { unit: 'ms', sidecar: 5 * MIN, relay: FARTHEST_WAIT_MS, min: FAR.min, max: FARTHEST_WAIT_MS, sets: ['http.responseProgressMs', 'http2.responseProgressMs'], doc: 'Time without a byte of a response that has begun, such as an event stream. Then the response is cut.' },
  'hop-timeout': { unit: 'ms', sidecar: FARTHEST_WAIT_MS, min: FAR.min, max: FARTHEST_WAIT_MS, sets: ['hop.upstreamResponseMs', 'hop.responseProgressMs'], doc: "Time that a sidecar waits for another sidecar's response, or for its next byte. The other sidecar applies its own response-timeout and stream-idle-timeout." },
  'request-idle-timeout': { unit: 'ms', sidecar: 60 * S, relay: 60 * S, ...OWN, sets: ['http.requestProgressMs', 'http2.requestProgressMs'], doc: 'Time without a byte of a request body from the client. Then the response is 408.' },
  'head-timeout': { unit: 'ms', sidecar: 10 * S, relay: 10 * S, ...OWN, sets: ['http.headMs', 'http2.headMs'], doc: 'Time for the whole head of a request. Then the response is 408.' },
  'first-byte-timeout': { unit: 'ms', sidecar: 10 * S, ...OWN, sets: ['opening.firstByteMs'], doc: 'Time without a byte from the client, on a port that speaks HTTP or whose app cannot be reached. Then the connection closes.' },
  'first-line-timeout': { unit: 'ms', sidecar: 3 * S, ...OWN, sets: ['opening.firstLineMs'], doc: 'Time without another byte of an incomplete first line. Then the beginning of the line decides the protocol.' },
  'silence-timeout': { unit: 'ms', sidecar: 50, min: 1, max: MIN, sets: ['opening.silenceMs'], doc: 'Time without a byte from the client of an undeclared port. Then the sidecar connects to the app, which may speak first.' },
  'keep-alive-timeout': { unit: 'ms', sidecar: 75 * S, relay: 75 * S, ...OWN, sets: ['http.idleMs'], doc: 'Time between two requests on an HTTP/1.1 connection. Then the connection closes.' },
  'http2-idle-timeout': { unit: 'ms', sidecar: 10 * MIN, relay: 10 * MIN, ...OWN, sets: ['http2.idleMs'], doc: 'Time without a stream on an HTTP/2 connection. Then the connection gets a GOAWAY.' },
  'call-idle-timeout': { unit: 'ms', sidecar: H, relay: FARTHEST_WAIT_MS, ...OWN, sets: ['http2.callIdleMs'], doc: 'Time without a byte in either direction of a gRPC call. Then the call is cut.' },
  'upgrade-idle-timeout': { unit: 'ms', sidecar: H, relay: H, ...OWN, sets: ['http.pipeIdleMs'], doc: 'Time without a byte in either direction of a WebSocket or another upgraded connection. Then the connection is cut.' },
  'raw-idle-timeout': { unit: 'ms', sidecar: 24 * H, min: 100, max: 7 * 24 * H, sets: ['raw.idleTimeoutMs'], doc: 'Time without a byte in either direction of a TCP connection. Then the connection is cut.' },
  'connect-timeout': { unit: 'ms', sidecar: 3 * S, relay: 8 * S, min: 100, max: 10 * MIN, sets: ['http.upstreamConnectMs', 'http2.upstreamConnectMs', 'raw.connectTimeoutMs'], doc: 'Time to connect to one endpoint. Then the next endpoint is tried.' },
  'hello-timeout': { unit: 'ms', sidecar: 30 * S, relay: 30 * S, ...OWN, sets: ['http2.upstreamHelloMs'], doc: 'Time from an HTTP/2 connection to an app until its SETTINGS. Then the response is 504.' },
  'pool-idle-timeout': { unit: 'ms', sidecar: 4 * S, relay: 4 * S, ...OWN, sets: ['http.poolIdleMs'], doc: 'Time that an unused HTTP/1.1 connection to an app stays open. Set it lower than the keep-alive time of the app.' },
  'pool-stale-delay': { unit: 'ms', sidecar: S, relay: S, min: 0, max: MIN, sets: ['http.poolStaleMs'], doc: 'If a kept connection closes within this time after a request, it was stale. A request that is safe to repeat is then sent again.' },
  'http2-pool-idle-timeout': { unit: 'ms', sidecar: MIN, relay: MIN, ...OWN, sets: ['http2.poolIdleMs'], doc: 'Time that an unused HTTP/2 connection to an app stays open.' },
  'half-close-delay': { unit: 'ms', sidecar: 100, relay: 0, min: 0, max: MIN, sets: ['http.halfCloseMs'], doc: 'If a client ends its direction within this time after its request, it still waits for the response. Later, it has left. 0: it always waits.' },
  'held-timeout': { unit: 'ms', sidecar: 2 * S, relay: 2 * S, ...OWN, sets: ['http2.heldMs'], doc: 'Time that a client may leave its HTTP/2 response unread. Then it gets a separate connection to the app.' },
  'linger-timeout': { unit: 'ms', sidecar: 2 * S, relay: 2 * S, min: 10, max: 5 * MIN, sets: ['http.lingerMs', 'http2.lingerMs'], doc: 'Time without a byte from a client that has its last response. Then the connection is cut.' },
  'linger-total-timeout': { unit: 'ms', sidecar: 30 * S, relay: 30 * S, min: 10, max: H, sets: ['http.lingerTotalMs'], doc: 'Total time in which the rest of an unwanted body is read and discarded. Then the connection is cut.' },
  'hold-timeout': { unit: 'ms', sidecar: 10 * S, min: 0, max: 100 * S, sets: ['config.holdTimeoutMs'], doc: 'Time from the beginning of an outage that requests wait with onUnavailable: hold.' },
  'first-table-timeout': { unit: 'ms', sidecar: 5 * S, min: 0, max: 5 * MIN, sets: ['config.firstTableTimeoutMs'], doc: 'Time that readiness waits for the first route table. Then the pod serves without one.' },
  'drain-delay': { unit: 'ms', sidecar: 500, min: 0, max: 5 * MIN, sets: ['config.drainDelayMs'], doc: 'Time that a stopping sidecar still accepts connections while it reports that it is not ready.' },
  'drain-timeout': { unit: 'ms', sidecar: 20 * S, relay: 20 * S, min: 0, max: H, sets: ['config.drainTimeoutMs', 'http.drainMs', 'http2.drainMs'], doc: 'Time for running requests, WebSockets and TCP connections when a process stops, or when a worker of the relay is drained. Then the rest is cut.' },
  'head-bytes': { unit: 'bytes', sidecar: 32 * KI, relay: 28 * KI, min: KI, max: MI, sets: ['http.headBytes', 'http2.headBytes'], doc: 'Size of the head of a request, and of its trailers. A larger one gets 431. HTTP/2 itself takes no field above 64 KiB and no head above 144 KiB.' },
  'head-fields': { unit: 'count', sidecar: 128, relay: 118, min: 8, max: 10_000, sets: ['http.headerCount', 'http2.headerCount'], doc: 'Number of fields in the head of a request, and in its trailers. More get 431.' },
  'response-head-bytes': { unit: 'bytes', sidecar: 32 * KI, relay: 128 * KI, min: KI, max: MI, sets: ['http.responseHeadBytes'], doc: 'Size of the head of an HTTP/1.1 response, and of its trailers. A larger one becomes a 502.' },
  'response-head-fields': { unit: 'count', sidecar: 128, relay: 512, min: 8, max: 10_000, sets: ['http.responseHeaderCount'], doc: 'Number of fields in the head of an HTTP/1.1 response, and in its trailers. More become a 502.' },
  'kept-free-bytes': { unit: 'bytes', sidecar: 4 * KI, relay: 4 * KI, min: 0, max: MI, sets: ['http.keptFreeBytes'], doc: 'Size of heads that one connection keeps without counting towards kept-total-bytes.' },
  'kept-total-bytes': { unit: 'bytes', sidecar: 64 * MI, relay: 64 * MI, min: 0, max: 2 ** 40, sets: ['http.keptTotalBytes'], doc: "Size of the heads that all connections keep together. Above it, requests get 503. If the container's memory is limited, it is at most an eighth of that." },
  'unread-total-bytes': { unit: 'bytes', sidecar: 64 * MI, relay: 64 * MI, min: 64 * KI, max: 2 ** 40, sets: ['unread.limitBytes'], doc: "Size of the data that waits for peers that do not read. Above it, the connection that has taken nothing for longest is cut. If the container's memory is limited, it is at most a sixteenth of that." },
  'held-bytes': { unit: 'bytes', sidecar: 16 * KI, relay: 16 * KI, ...SIZE, sets: ['http.heldBytes'], doc: 'Bytes that are read ahead from a client while its request has no response.' },
  'replay-bytes': { unit: 'bytes', sidecar: 16 * KI, relay: 16 * KI, ...SIZE, sets: ['http2.replayBytes'], doc: 'Size of an HTTP/2 request body that is kept, to send it again when that is safe.' },
  'stream-window': { unit: 'bytes', sidecar: 65_535, relay: 65_535, min: 16 * KI, max: 16 * MI, sets: ['http2.streamWindow'], doc: 'Bytes that an HTTP/2 stream may send before they are forwarded.' },
  'connection-window': { unit: 'bytes', sidecar: MI, relay: MI, min: 64 * KI, max: 64 * MI, sets: ['http2.connectionWindow'], doc: 'Bytes that all streams of an HTTP/2 connection together may send before they are forwarded.' },
  'interim-responses': { unit: 'count', sidecar: 32, relay: 32, ...NUMBER, sets: ['http.interimResponses', 'http2.interimResponses'], doc: 'Number of interim responses (1xx) to one request. More become a 502.' },
  'connections': { unit: 'count', sidecar: 10_000, relay: 10_000, ...NUMBER, sets: ['http.connections', 'http2.connections', 'opening.openings'], doc: "Number of client connections at one time, counted separately for HTTP/1.1 and HTTP/2. More get a 503 or a GOAWAY. Lower if the container's memory is too small for so many." },
  'handshake-timeout': { unit: 'ms', relay: 10 * S, ...OWN, sets: ['frontend.handshakeMs'], doc: 'Time for the TLS handshake of a visitor. Then the connection is cut.' },
  'handshakes-per-address': { unit: 'count', relay: 64, ...NUMBER, sets: ['frontend.handshakesPerAddress'], doc: 'Number of TLS handshakes of one visitor address at one time. Further connections are closed.' },
  'connections-per-address': { unit: 'count', relay: 1_000, min: 0, max: 1_000_000, sets: ['relay.connectionsPerAddress'], doc: 'Number of connections from one visitor address. More are closed. 0: no limit.' },
  'requests-per-address': { unit: 'count', relay: 256, min: 0, max: 1_000_000, sets: ['relay.requestsPerAddress'], doc: 'Number of running requests from one address. More get 503. 0: no limit.' },
  'requests-per-preview': { unit: 'count', relay: 1_024, min: 0, max: 1_000_000, sets: ['relay.requestsPerPreview'], doc: 'Number of running requests to one preview. More get 503. 0: no limit.' },
  'circuit-series': { unit: 'count', relay: 100, min: 0, max: 10_000, sets: ['relay.circuitSeries'], doc: 'Number of circuits with metrics of their own. Further circuits are counted as `other`. 0: no metrics by circuit.' },
  'streams': { unit: 'count', sidecar: 128, relay: 128, min: 1, max: 10_000, sets: ['http2.streams'], doc: 'Number of streams of one HTTP/2 connection at one time.' },
  'streams-total': { unit: 'count', sidecar: 20_000, relay: 20_000, ...NUMBER, sets: ['http2.streamsTotal'], doc: 'Number of streams of all HTTP/2 connections. More are refused.' },
  'pool-size': { unit: 'count', sidecar: 256, relay: 128, ...NUMBER, sets: ['http.poolSize'], doc: 'Number of unused HTTP/1.1 connections that are kept to one upstream.' },
  'pool-total': { unit: 'count', sidecar: 2_048, relay: 512, ...NUMBER, sets: ['http.poolTotal'], doc: 'Number of unused HTTP/1.1 connections that are kept in total.' },
  'pool-sessions': { unit: 'count', sidecar: 32, relay: 32, min: 1, max: 1_000, sets: ['http2.poolSessions'], doc: 'Number of HTTP/2 connections to one upstream. Beyond them, requests get 503.' },
  'hold-requests': { unit: 'count', sidecar: 256, ...NUMBER, sets: ['hold.requests'], doc: 'Number of requests that wait with onUnavailable: hold. Requests beyond the limit fall back immediately.' },
  'hold-bytes': { unit: 'bytes', sidecar: 4 * MI, ...SIZE, sets: ['hold.headBytes'], doc: 'Size of the heads of waiting requests. Requests beyond the limit fall back immediately.' },
  'links': { unit: 'count', relay: 256, ...NUMBER, sets: ['tunnelPort.accepted'], doc: 'Number of connections of clusters.' },
  'register-timeout': { unit: 'ms', relay: 5 * S, ...OWN, sets: ['relay.registerMs'], doc: 'Time from the connection of a cluster to its registration. Then the connection closes.' },
  'labels': { unit: 'count', relay: 20_000, ...NUMBER, sets: ['relay.labels'], doc: 'Number of host labels of one cluster. More are refused.' },
  'credential-labels': { unit: 'count', relay: 50_000, ...NUMBER, sets: ['relay.credentialLabels'], doc: 'Number of host labels of all clusters of one credential. More are refused.' },
  'clusters': { unit: 'count', relay: 100, ...NUMBER, sets: ['relay.clusters'], doc: 'Number of clusters of one credential. The connection of one more is closed.' },
  'credential-links': { unit: 'count', relay: 128, ...NUMBER, sets: ['relay.credentialLinks'], doc: 'Number of connections of all clusters of one credential, registered or not. One more gets 503.' },
  'cluster-links': { unit: 'count', relay: 32, ...NUMBER, sets: ['relay.clusterLinks'], doc: 'Number of connections of one cluster. One more is closed.' },
  'gone-hold-timeout': { unit: 'ms', relay: 5 * S, min: 0, max: 5 * MIN, sets: ['hold.holdMs'], doc: 'Time that requests wait for a cluster that has just disconnected, or for room when all its links are full. Then the relay responds with 502 or 503.' },
  'gone-hold-requests': { unit: 'count', relay: 1_000, min: 0, max: 1_000_000, sets: ['hold.held'], doc: 'Requests that wait in this way at a time. The relay refuses one more immediately.' },
  'return-timeout': { unit: 'ms', relay: 15 * S, min: 0, max: H, sets: ['relay.returnMs'], doc: 'Time after the start of the relay during which hosts without a cluster get 503, because clusters may still return.' },
  'gone-timeout': { unit: 'ms', relay: 10 * MIN, min: 0, max: 24 * H, sets: ['relay.goneMs'], doc: 'Time that a cluster without a connection keeps its labels.' },
  'tunnel-streams': { unit: 'count', relay: 2_048, min: 1, max: 2_048, sets: ['tunnel.streams'], doc: 'Number of streams of one tunnel at one time.' },
  'tunnel-pending-bytes': { unit: 'bytes', relay: 8 * MI, ...SIZE, sets: ['tunnel.pendingBytes'], doc: 'Bytes that wait for credit in one stream of a tunnel. More reset the stream.' },
} as const satisfies Readonly<Record<string, Setting>>

export type SettingName = keyof typeof SETTINGS

/** Returns all settings of a process, in the order of the table. */
export const settingsOf = (
  process: SettingProcess,
): [name: SettingName, setting: Setting, standard: number][] =>
  (Object.entries(SETTINGS) as [SettingName, Setting][]).flatMap(([name, setting]) => {
    const standard = setting[process]
    return standard === undefined ? [] : [[name, setting, standard] as [SettingName, Setting, number]]
  })

/** Returns the environment variable of a setting. */
export const variableOf = (name: SettingName): string =>
  `BRANCHLINE_${name.toUpperCase().replaceAll('-', '_')}${(SETTINGS[name] as Setting).unit === 'ms' ? '_MS' : ''}`
