import { listsOf, tableOf } from '@branchline/wire/circuits/delta'
import type { Logger } from '../../../process/log.ts'
import { readJson, replaceFile } from '../../../process/private-file.ts'
import { isSnapshot, type ServedTable } from './protocol.ts'

/** The version of the file. Another one is not read: the coordinator sends the table again. */
const VERSION = 1

export interface TableFileOptions {
  readonly path: string
  readonly saveMs: number
  readonly fileBytes: number
  readonly logger: Logger
}

/** The last table on disk, so that a worker that starts without a coordinator serves what it served before. */
export class TableFile {
  readonly #options: TableFileOptions
  #pending: ServedTable | undefined
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #writtenAtMs = Number.NEGATIVE_INFINITY

  constructor(options: TableFileOptions) {
    this.#options = options
  }

  /** The table of the file. Undefined if there is none that can be read. */
  async read(): Promise<ServedTable | undefined> {
    const { path, fileBytes, logger } = this.#options
    const content = (await readJson(path, fileBytes)) as { readonly version?: unknown } | undefined
    if (content === undefined) return undefined
    if (content.version !== VERSION || !isSnapshot(content)) {
      logger.warn({ path }, 'the file with the last table is not of this version, ignoring it')
      return undefined
    }
    const { instance, term, epoch, table } = content
    return { instance, term, epoch, table: tableOf(table) }
  }

  /** Writes a table soon. A newer one replaces one that waits. */
  save(served: ServedTable): void {
    this.#pending = served
    const waitMs = Math.max(0, this.#writtenAtMs + this.#options.saveMs - performance.now())
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#writtenAtMs = performance.now()
      this.#writing = this.#writing.then(() => this.#write())
    }, waitMs)
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#writing
    await this.#write()
  }

  async #write(): Promise<void> {
    const served = this.#pending
    if (served === undefined) return
    this.#pending = undefined
    const { path, logger } = this.#options
    const { instance, term, epoch, table } = served
    try {
      const content = { version: VERSION, type: 'snapshot', instance, term, epoch, table: listsOf(table) }
      await replaceFile(path, JSON.stringify(content))
    } catch (error) {
      logger.error(
        { err: error, path },
        'the last table could not be written: a restart may serve an older one',
      )
    }
  }
}
