import { setTimeout as delay } from 'node:timers/promises'
// Node finds no named exports in this CommonJS module. Only its types have them.
import sonicBoom, { type SonicBoom } from 'sonic-boom'

/** Which requests are logged: none, failed ones, failed ones and one of N, or all. */
export type AccessLogMode = 'off' | 'errors' | 'all' | { readonly oneOf: number }

/** One request in the log. */
export interface AccessEntry {
  readonly status: number
  readonly method: string
  /** Without its query, which may hold what no log may. */
  readonly path: string
  readonly ms: number
  readonly service: string
  /** The environment that served, or should have, and its endpoint. */
  readonly environment: string
  readonly endpoint: string | undefined
  readonly reason: string
  readonly key: string | undefined
  readonly traceId: string | undefined
  readonly error: string | undefined
  /** What was wrong, in a sentence. */
  readonly detail: string | undefined
}

/** The most bytes of lines that wait to be written. Further lines are dropped and counted. */
export const MAX_PENDING_BYTES = 256 * 1024
/** Lines are written once this many bytes wait, or once this much time has passed. */
const BATCH_BYTES = 8 * 1024
const FLUSH_AFTER_MS = 500
/** How long {@link AccessLog.close} waits for an output that does not take what is written. */
const CLOSE_TIMEOUT_MS = 1_000

/** `off`, `errors`, `sample:N` or `all`. Throws a RangeError for anything else. */
export function parseAccessLog(text: string): AccessLogMode {
  if (text === 'off' || text === 'errors' || text === 'all') return text
  const oneOf = /^sample:([1-9]\d{0,8})$/.exec(text)?.[1]
  if (oneOf !== undefined) return { oneOf: Number(oneOf) }
  throw new RangeError(`${JSON.stringify(text)}: wanted off, errors, sample:N (one of N) or all`)
}

/**
 * The access log: JSON lines on standard output. Lines are written in batches, and no request waits for them.
 * When the output does not keep up, lines are dropped, and a later line reports how many.
 */
export class AccessLog {
  readonly #mode: AccessLogMode
  readonly #output: SonicBoom
  #dropped = 0
  #seen = 0

  constructor(mode: AccessLogMode, fd = 1) {
    this.#mode = mode
    this.#output = new sonicBoom.SonicBoom({
      fd,
      minLength: BATCH_BYTES,
      maxLength: MAX_PENDING_BYTES,
      periodicFlush: FLUSH_AFTER_MS,
    })
    this.#output.on('drop', () => this.#dropped++)
    // A closed output loses the log. It must not end the process.
    this.#output.on('error', () => {})
  }

  /** Whether a request is logged. `failed` means that no response came, or a 5xx. */
  wants(failed: boolean): boolean {
    const mode = this.#mode
    if (mode === 'off') return false
    if (failed || mode === 'all') return true
    return mode !== 'errors' && this.#seen++ % mode.oneOf === 0
  }

  add(entry: AccessEntry): void {
    this.#reportDropped()
    this.#output.write(line('request', { ...entry }))
  }

  /** Writes what waits. Resolves once that is done or has failed, after {@link CLOSE_TIMEOUT_MS} at most. */
  async close(): Promise<void> {
    const flushed = (): Promise<void> => new Promise((resolve) => this.#output.flush(() => resolve()))
    const timeout = new AbortController()
    await Promise.race([
      flushed().then(() => {
        this.#reportDropped()
        return flushed()
      }),
      delay(CLOSE_TIMEOUT_MS, undefined, { signal: timeout.signal, ref: false }).catch(() => {}),
    ])
    timeout.abort()
  }

  /** Reports lines that were dropped, once there is room for the report. */
  #reportDropped(): void {
    const dropped = this.#dropped
    if (dropped === 0) return
    this.#dropped = 0
    this.#output.write(line('requests not logged', { dropped }))
    // Where the report itself was dropped, it counts one too many.
    if (this.#dropped > 0) this.#dropped = dropped
  }
}

const line = (msg: string, fields: Record<string, unknown>): string =>
  `${JSON.stringify({ level: 30, time: Date.now(), component: 'sidecar', msg, ...fields })}\n`
