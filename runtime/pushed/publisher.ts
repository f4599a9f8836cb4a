import type { WebSocket } from 'ws'
import type { Logger } from '../process/log.ts'
import { CLOSE } from './close-codes.ts'
import type { PublisherLimits } from './limits.ts'
import type { PublisherProtocol } from './protocol.ts'
import { Subscriber } from './subscriber.ts'

/** What a publisher reads, and what it reports. */
export interface PublisherOptions<Table, Memo, Other extends { readonly type: string }> {
  readonly protocol: PublisherProtocol<Table, Memo, Other>
  readonly limits: PublisherLimits
  readonly logger: Logger
  /** What the log calls a subscriber (`sidecar`), and its key (`pod`). */
  readonly words: { readonly subscriber: string; readonly key: string }
  /** The newest table of a key; undefined where there is none (yet). */
  readonly tableOf: (key: string) => Table | undefined
  /** The epoch of the newest tables. */
  readonly epoch: () => number
  /** A subscriber connected, disconnected, or serves the newest table sent to it (`tookMs` after it was sent). */
  readonly onStanding: (key: string, tookMs?: number) => void
  readonly onOther: (subscriber: Subscriber<Table, Memo, Other>, message: Other) => void
}

/** The epochs of a subscriber. Undefined if it has none yet. */
export interface Standing {
  readonly sent: number | undefined
  readonly served: number | undefined
}

/**
 * The subscribers of one kind of table, one connection a key: the newest wins. A subscriber gets the table of its own
 * key alone. Every subscriber that has said hello was sent the newest table, so the next change is the same
 * difference for all of them.
 */
export class Publisher<Table, Memo, Other extends { readonly type: string } = never> {
  readonly #options: PublisherOptions<Table, Memo, Other>
  /** The subscribers that have sent hello, by key, and all that are connected. */
  readonly #subscribers = new Map<string, Subscriber<Table, Memo, Other>>()
  readonly #connected = new Set<Subscriber<Table, Memo, Other>>()
  /** The subscribers that have not sent hello yet. Also one per key, so that one key cannot take all places. */
  readonly #ungreeted = new Map<string, Subscriber<Table, Memo, Other>>()

  constructor(options: PublisherOptions<Table, Memo, Other>) {
    this.#options = options
  }

  /** The number of subscribers that are connected and have sent hello. */
  get size(): number {
    return this.#subscribers.size
  }

  /** Accepts a connection whose token has identified its key. */
  accept(key: string, socket: WebSocket): void {
    const { limits, logger, protocol, words, onStanding, onOther } = this.#options
    const subscriber = new Subscriber<Table, Memo, Other>(key, socket, limits, protocol, {
      onHello: (it) => this.#greet(it),
      onServed: (tookMs) => onStanding(key, tookMs),
      onOther,
    })
    socket.on('error', (error) =>
      logger.debug({ [words.key]: key, err: error }, `${words.subscriber} connection failed`),
    )
    this.#connected.add(subscriber)
    this.#ungreeted.get(key)?.close(CLOSE.replaced, `the ${words.key} has connected again`)
    this.#ungreeted.set(key, subscriber)
    socket.once('close', (code) => {
      this.#connected.delete(subscriber)
      if (this.#ungreeted.get(key) === subscriber) this.#ungreeted.delete(key)
      if (this.#subscribers.get(key) !== subscriber) return
      this.#subscribers.delete(key)
      const level = code === CLOSE.tooBig ? 'error' : 'debug'
      logger[level]({ [words.key]: key, code }, `${words.subscriber} disconnected`)
      onStanding(key)
    })
  }

  /** Sends each subscriber the changes of its own table. A key without `after` has no table any more. */
  publish(
    epoch: number,
    changes: Iterable<
      readonly [key: string, { readonly before?: Table | undefined; readonly after?: Table | undefined }]
    >,
    memo: Memo,
  ): void {
    for (const [key, { before, after }] of changes) {
      if (after !== undefined) this.#subscribers.get(key)?.sendChange(epoch, before, after, memo)
    }
  }

  standing(key: string): Standing | undefined {
    return this.#subscribers.get(key)?.epochs
  }

  /** Closes every connection. The subscribers connect again, here or to another replica. */
  closeAll(reason: string): void {
    for (const subscriber of this.#connected) subscriber.close(CLOSE.goingAway, reason)
  }

  #greet(subscriber: Subscriber<Table, Memo, Other>): void {
    const { key } = subscriber
    const { words, tableOf, epoch, onStanding } = this.#options
    if (this.#ungreeted.get(key) === subscriber) this.#ungreeted.delete(key)
    this.#subscribers.get(key)?.close(CLOSE.replaced, `the ${words.key} has connected again`)
    this.#subscribers.set(key, subscriber)
    const table = tableOf(key)
    // A subscriber may connect before its key is known. It gets its table as soon as there is one.
    if (table !== undefined) subscriber.sendSnapshot(epoch(), table)
    onStanding(key)
  }
}
