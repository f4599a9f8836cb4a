import { Backoff } from '../process/backoff.ts'
import type { Logger } from '../process/log.ts'
import { pause } from '../process/pause.ts'
import type { EtcdClient, Message } from './client.ts'
import { EtcdError, STATUS } from './errors.ts'
import { encode, type Entry, entryOf, newestOf, type Range, readRange, revisionOf } from './range.ts'

/** A change of a key: its entry, or that it is gone. */
export interface WatchEvent {
  readonly key: string
  readonly entry: Entry | undefined
}

export interface RangeWatchOptions {
  readonly client: EtcdClient
  readonly range: Range
  /** Keys that change with every change of the range. It costs less to check them. Default: the range. */
  readonly marker?: Range
  readonly logger: Logger
  /** The whole range, as it was at one revision. It replaces what was known. */
  readonly onSnapshot: (entries: readonly Entry[]) => void
  /** Changes after that, in the order of revisions. All changes of one revision come in one call. */
  readonly onEvents: (events: readonly WatchEvent[]) => void
  /** The watch ends, and begins again later. What is known may be old. */
  readonly onDown?: () => void
  /** What is known is current from now on. */
  readonly onUp?: () => void
}

/**
 * Follows a range of keys: a consistent read, then every change. After a lost connection it goes on after the last
 * revision that it has seen; where etcd has compacted that, it reads the range again. A watch that has become silent is
 * noticed by comparing revisions.
 */
export class RangeWatch {
  readonly #options: RangeWatchOptions
  readonly #stopped = new AbortController()
  readonly #keys = new Set<string>()
  /** The last revision that is known. 0: nothing is. */
  #revision = 0
  #running: Promise<void> | undefined
  #isDown = false

  constructor(options: RangeWatchOptions) {
    this.#options = options
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { client, logger, onDown, onUp } = this.#options
    const { signal } = this.#stopped
    const backoff = new Backoff(client.limits.retry)
    while (!signal.aborted) {
      try {
        if (this.#revision === 0) await this.#read()
        await this.#watch(() => {
          backoff.reset()
          if (this.#isDown) logger.info({ from: this.#options.range.from }, 'etcd responds again')
          this.#isDown = false
          onUp?.()
        })
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof EtcdError && error.status === STATUS.outOfRange) this.#revision = 0
        else if (!this.#isDown) {
          this.#isDown = true
          logger.warn(
            { err: error, from: this.#options.range.from },
            'a watch of etcd has ended, trying again',
          )
        }
      }
      onDown?.()
      await pause(backoff.nextMs(), signal)
    }
  }

  async #read(): Promise<void> {
    const { client, range, onSnapshot } = this.#options
    const { revision, entries } = await readRange(client, range, this.#stopped.signal)
    this.#keys.clear()
    for (const { key } of entries) this.#keys.add(key)
    this.#revision = revision
    onSnapshot(entries)
  }

  async #watch(onBegun: () => void): Promise<void> {
    const { client, range } = this.#options
    const ended = new AbortController()
    const signal = AbortSignal.any([this.#stopped.signal, ended.signal])
    const create = {
      key: encode(range.from),
      range_end: encode(range.to),
      start_revision: String(this.#revision + 1),
    }
    const checking = this.#check(signal, () => ended.abort())
    try {
      for await (const message of client.stream('watch', { create_request: create }, signal)) {
        const result = (message['result'] ?? message) as Message
        if (result['canceled'] === true) throw cancelled(result)
        if (result['created'] === true) onBegun()
        this.#take(result)
      }
      throw new EtcdError('etcd has ended the watch')
    } finally {
      ended.abort()
      await checking
    }
  }

  #take(result: Message): void {
    const events = (result['events'] ?? []) as Message[]
    for (const [revision, those] of Map.groupBy(events, ({ kv }) => entryOf(kv).revision)) {
      // A watch that goes on may repeat nothing, but a member that was restored could.
      if (revision <= this.#revision) continue
      this.#revision = revision
      this.#options.onEvents(
        those.map(({ type, kv }) => {
          const entry = entryOf(kv)
          const isGone = type === 'DELETE'
          if (isGone) this.#keys.delete(entry.key)
          else this.#keys.add(entry.key)
          return { key: entry.key, entry: isGone ? undefined : entry }
        }),
      )
    }
    // Without events it is a confirmation of the current revision; a watch's first message says where the store is.
    if (events.length === 0 && result['created'] !== true)
      this.#revision = Math.max(this.#revision, revisionOf(result))
  }

  /** Ends a watch that does not bring what another request finds. */
  async #check(signal: AbortSignal, end: () => void): Promise<void> {
    const { client, range, marker, logger } = this.#options
    let missed = 0
    for (;;) {
      await pause(client.limits.checkMs, signal)
      if (signal.aborted) return
      try {
        const { newest, count, revision } = await newestOf(client, marker ?? range, signal)
        if (revision < this.#revision) {
          logger.warn({ from: range.from }, 'etcd has lost data, reading everything again')
          this.#revision = 0
          end()
          return
        }
        const isBehind = newest > this.#revision || (marker === undefined && count !== this.#keys.size)
        // It may be on its way: two checks must agree.
        missed = isBehind ? missed + 1 : 0
      } catch {
        missed++
      }
      if (missed < 2) continue
      logger.warn({ from: range.from }, 'a watch of etcd is silent, beginning it again')
      end()
      return
    }
  }
}

/** A revision that etcd has compacted has the code of a read of one. */
function cancelled(result: Message): EtcdError {
  const isCompacted = Number(result['compact_revision'] ?? 0) > 0
  const { cancel_reason: given } = result
  const reason = typeof given === 'string' ? given : isCompacted ? 'its revision is compacted' : 'no reason'
  return new EtcdError(`etcd has cancelled the watch: ${reason}`, {
    ...(isCompacted && { status: STATUS.outOfRange }),
  })
}
