/** The WebSocket subprotocol between sidecar and manager. Another version has another name. */
export const ROUTES_SUBPROTOCOL = 'branchline.routes.v1'
/** The largest message in bytes. A larger one closes the connection with 1009 (RFC 6455, 7.4.1). */
export const MAX_ROUTES_MESSAGE = 16 * 1024 * 1024

/** What happens to requests whose override cannot be reached. */
export const ON_UNAVAILABLE = ['baseline', 'hold', 'fail'] as const
export type OnUnavailable = (typeof ON_UNAVAILABLE)[number]

/** The most entries of each list of a `traffic` report, so that it stays far below the limit of a sidecar's message. */
export const MAX_TRAFFIC_ENTRIES = 32
/** The most times of calls in one entry of a report. */
export const MAX_CALL_TIMES = 64
