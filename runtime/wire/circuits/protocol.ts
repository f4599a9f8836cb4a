/** The WebSocket subprotocol between worker and coordinator. Another version has another name. */
export const WORKERS_SUBPROTOCOL = 'branchline.workers.v1'
/** Where workers connect, on the coordinator's API port. */
export const WORKERS_CONNECT_PATH = '/api/v1/workers/connect'

/** The largest message of a coordinator, in bytes: a table of about 100,000 circuits. */
export const MAX_TABLE_MESSAGE = 64 * 1024 * 1024
/** The largest message of a worker, in bytes. Workers send long lists in pages. */
export const MAX_WORKER_MESSAGE = 1024 * 1024

/** The most previews in one `listing` message, so that it stays below {@link MAX_WORKER_MESSAGE}. */
export const LISTING_PAGE = 1_000
/** The most entries in each list of a report. */
export const REPORT_PAGE = 1_000
