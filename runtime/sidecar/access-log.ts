import { write } from 'node:fs'

/** Which requests are logged: none, those that failed, one of so many (and those that failed), or all. */
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
}

/** How many characters wait to be written at most, and for how long. */
export const MAX_PENDING = 256 * 1024
const FLUSH_AFTER_MS = 500

/** `off`, `errors`, `sample:N` or `all`. Throws a RangeError for anything else. */
export function parseAccessLog(text: string): AccessLogMode {
  if (text === 'off' || text === 'errors' || text === 'all') return text
  const oneOf = /^sample:([1-9]\d{0,8})$/.exec(text)?.[1]
  if (oneOf !== undefined) return { oneOf: Number(oneOf) }
  throw new RangeError(`${JSON.stringify(text)}: wanted off, errors, sample:N (one of N) or all`)
}

/**
 * The access log: JSON lines on standard output, written in batches and never waited for. Where the output
 * does not keep up, lines are dropped, and a line says how many.
 */
export class AccessLog {
  readonly #mode: AccessLogMode
  readonly #fd: number
  #pending = ''
  #dropped = 0
  #writing = false
  #timer: NodeJS.Timeout | undefined
  #seen = 0

  constructor(mode: AccessLogMode, fd = 1) {
    this.#mode = mode
    this.#fd = fd
  }

  /** Whether a request is to be logged: `failed` where nobody answered it, or with a 5xx. */
  wants(failed: boolean): boolean {
    const mode = this.#mode
    if (mode === 'off') return false
    if (failed || mode === 'all') return true
    return mode !== 'errors' && this.#seen++ % mode.oneOf === 0
  }

  add(entry: AccessEntry): void {
    if (this.#pending.length > MAX_PENDING) {
      this.#dropped++
      return
    }
    this.#pending += line('request', { ...entry })
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_AFTER_MS).unref()
  }

  /** Writes what waits; resolves once that is done, or cannot be. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#flush()
  }

  #flush(): Promise<void> {
    this.#timer = undefined
    if (this.#pending === '' || this.#writing) return Promise.resolve()
    let text = this.#pending
    if (this.#dropped > 0) text += line('requests not logged', { dropped: this.#dropped })
    this.#pending = ''
    this.#dropped = 0
    this.#writing = true
    return new Promise((resolve) => {
      writeAll(this.#fd, Buffer.from(text), () => {
        this.#writing = false
        if (this.#pending !== '') this.#timer ??= setTimeout(() => this.#flush(), FLUSH_AFTER_MS).unref()
        resolve()
      })
    })
  }
}

const line = (msg: string, fields: Record<string, unknown>): string =>
  `${JSON.stringify({ level: 30, time: Date.now(), component: 'sidecar', msg, ...fields })}\n`

/** A pipe that is full says EAGAIN: tried again a little later, for a second. */
function writeAll(fd: number, bytes: Buffer, done: () => void, tries = 100): void {
  write(fd, bytes, (error, written) => {
    if (error?.code === 'EAGAIN' && tries > 0) {
      setTimeout(() => writeAll(fd, bytes, done, tries - 1), 10)
    } else if (error !== null || written === bytes.length) done()
    else writeAll(fd, bytes.subarray(written), done, tries)
  })
}
