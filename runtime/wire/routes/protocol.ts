/** The WebSocket subprotocol between sidecar and manager. Another version has another name. */
export const ROUTES_SUBPROTOCOL = 'branchline.routes.v1'
/** The largest message in bytes. A larger one closes the connection with 1009 (RFC 6455, 7.4.1). */
export const MAX_ROUTES_MESSAGE = 16 * 1024 * 1024

/** What happens to requests whose override cannot be reached. */
export const ON_UNAVAILABLE = ['baseline', 'hold', 'fail'] as const
export type OnUnavailable = (typeof ON_UNAVAILABLE)[number]
