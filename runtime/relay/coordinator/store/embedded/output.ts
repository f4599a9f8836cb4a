import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Logger } from '../../../../process/log.ts'

const READY = 'database system is ready to accept connections'
const IN_USE = /lock file "postmaster\.pid" already exists|is another postmaster .* running/
const KEPT_LINES = 10

/** What a server writes: one message per line, which starts with a severity. */
export class ServerOutput {
  readonly #last: string[] = []
  /** Resolves when the server accepts connections. */
  readonly ready: Promise<void>
  /** Whether the server has found that another one uses its data. */
  inUse = false

  constructor(stream: Readable, logger: Logger) {
    const lines = createInterface({ input: stream })
    this.ready = new Promise((resolve) => {
      lines.on('line', (line) => {
        this.#last.push(line)
        if (this.#last.length > KEPT_LINES) this.#last.shift()
        if (IN_USE.test(line)) this.inUse = true
        if (line.includes(READY)) resolve()
        forward(line, logger)
      })
    })
  }

  /** The last lines, for the message of an error. */
  get last(): string {
    return this.#last.join('\n')
  }
}

function forward(line: string, logger: Logger): void {
  const [, severity, text = line] = /^([A-Z]+):\s+(.*)$/.exec(line) ?? []
  const fields = { severity, text }
  if (severity === 'PANIC') logger.error(fields, 'PostgreSQL reports')
  // FATAL ends one connection only, such as at a restart.
  else if (severity === 'FATAL' || severity === 'WARNING') logger.warn(fields, 'PostgreSQL reports')
  else logger.debug(fields, 'PostgreSQL reports')
}
