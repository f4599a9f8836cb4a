import { mkdir, open, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isKey } from '@branchline/wire/key'
import type { Logger } from '../../../process/log.ts'
import type { RelayLimits } from '../../limits.ts'
import type { Owner } from './registry.ts'

/** The file in the state directory that stores which cluster owns which labels. */
const FILE = 'labels.json'
const VERSION = 1

export interface StateOptions {
  readonly directory: string
  readonly limits: Pick<RelayLimits, 'stateMs' | 'stateRetryMs' | 'stateBytes'>
  readonly logger: Logger
  /** All owners at the time of a write. */
  readonly owners: () => readonly Owner[]
}

/**
 * The owners of labels on disk. A write replaces the whole file atomically, so that a crash leaves either the old or
 * the new file.
 */
export class StateFile {
  readonly #options: StateOptions
  #dirty = false
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: StateOptions) {
    this.#options = options
  }

  /**
   * Reads the file. Undefined if there is none. Rejects with a {@link StateError} if the file is invalid, because a relay
   * that started without it would give labels away.
   */
  async read(): Promise<Owner[] | undefined> {
    const { directory, limits } = this.#options
    const path = join(directory, FILE)
    try {
      await mkdir(directory, { recursive: true })
      const { size } = await stat(path)
      if (size > limits.stateBytes) throw new RangeError(`it has ${size} bytes: at most ${limits.stateBytes}`)
      return parseState(await readFile(path, 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new StateError(
        `${path}: ${(error as Error).message}. Repair it, or remove it: then each label goes to the first cluster that registers it`,
        error,
      )
    }
  }

  /** Schedules a write, which includes all changes until then. */
  save(): void {
    this.#dirty = true
    this.#schedule(this.#options.limits.stateMs)
  }

  /** Writes pending changes. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#writing
    await this.#write()
  }

  #schedule(waitMs: number): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(() => {
      this.#writing = this.#write()
    }, waitMs)
  }

  async #write(): Promise<void> {
    if (!this.#dirty) return
    this.#dirty = false
    const { directory, logger, limits } = this.#options
    let waitMs = limits.stateMs
    try {
      await replace(directory, formatState(this.#options.owners()))
    } catch (error) {
      this.#dirty = true
      waitMs = limits.stateRetryMs
      logger.error({ err: error, directory }, 'could not write the state file: a restart would lose changes')
    }
    this.#timer = undefined
    if (this.#dirty) this.#schedule(waitMs)
  }
}

/** The state directory contains something that this relay cannot use. */
class StateError extends Error {
  readonly code = 'BL_RELAY_STATE'
  constructor(message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'StateError'
  }
}

async function replace(directory: string, text: string): Promise<void> {
  const next = join(directory, `${FILE}.next`)
  const file = await open(next, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(next, join(directory, FILE))
  // Only this makes the new name durable.
  const folder = await open(directory, 'r')
  await folder.sync().finally(() => folder.close())
}

const formatState = (owners: readonly Owner[]): string => `${JSON.stringify({ version: VERSION, owners })}\n`

/** Parses the text of a state file. Throws an Error that describes the fault. */
function parseState(text: string): Owner[] {
  const state = JSON.parse(text) as { version?: unknown; owners?: unknown } | null
  if (state?.version !== VERSION) {
    throw new RangeError(`version is ${JSON.stringify(state?.version)}: this relay reads version ${VERSION}`)
  }
  if (!Array.isArray(state.owners)) throw new TypeError('owners: wanted a list')
  return state.owners.map((owner: Partial<Record<keyof Owner, unknown>> | null, index) => {
    const { credential, cluster, labels } = owner ?? {}
    const isLabel = (label: unknown): label is string => typeof label === 'string' && isKey(label)
    if (
      typeof credential === 'string' &&
      isLabel(cluster) &&
      Array.isArray(labels) &&
      labels.every(isLabel)
    ) {
      return { credential, cluster, labels }
    }
    throw new TypeError(`owners.${index}: wanted a credential, a cluster and a list of labels`)
  })
}
