import type { Event } from '@branchline/wire/circuits/audit'
import { refusal } from '@branchline/wire/circuits/problem'
import type { Store } from '../store/store.ts'
import { eventsAfter, newestEvent } from './audit.ts'
import type { ApiLimits } from './limits.ts'
import { StatusChanges, type StatusEvent } from './status-changes.ts'

/** The event streams of one coordinator. */
export class EventStreams {
  readonly #store: Store
  readonly #limits: ApiLimits
  readonly #statuses: StatusChanges
  readonly #open = new Set<() => void>()
  /** Streams that will be open in a moment. */
  #opening = 0

  constructor(store: Store, limits: ApiLimits) {
    this.#store = store
    this.#limits = limits
    this.#statuses = new StatusChanges(store, limits)
  }

  /**
   * Opens a stream of the changes after `after`, or from now on. It reads the next changes only when the client has
   * taken the ones before, so a slow client costs no memory. Before each part it asks whether the client still `mayRead`.
   */
  async open(
    after: number | undefined,
    signal: AbortSignal,
    mayRead: () => Promise<boolean>,
  ): Promise<Response> {
    if (this.#open.size + this.#opening >= this.#limits.streams) {
      throw refusal('unavailable', { detail: `${this.#limits.streams} event streams are open already.` })
    }
    this.#opening++
    try {
      const from = after ?? (await newestEvent(this.#store))
      const changes = new Changes(this.#limits.eventBatch)
      await changes.listen(this.#store, this.#statuses)
      return this.#respond(this.#stream(from, changes, signal, mayRead))
    } finally {
      this.#opening--
    }
  }

  #respond(body: ReadableStream<Uint8Array>): Response {
    return new Response(body, {
      headers: {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      },
    })
  }

  /** Ends all streams. */
  close(): void {
    for (const end of this.#open) end()
  }

  #stream(
    from: number,
    changes: Changes,
    signal: AbortSignal,
    mayRead: () => Promise<boolean>,
  ): ReadableStream<Uint8Array> {
    const ended = new AbortController()
    const end = (): void => ended.abort()
    this.#open.add(end)
    const stop = (): void => {
      this.#open.delete(end)
      changes.close()
    }
    signal.addEventListener('abort', end, { once: true })
    const parts = this.#parts(from, changes, ended.signal)
    const encoder = new TextEncoder()
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          const part = await parts.next()
          if (part.done !== true && (await mayRead())) return controller.enqueue(encoder.encode(part.value))
          stop()
          controller.close()
        } catch {
          // The database does not respond. The client comes back with Last-Event-ID.
          stop()
          controller.close()
        }
      },
      cancel: () => {
        end()
        stop()
      },
    })
  }

  async *#parts(from: number, changes: Changes, ended: AbortSignal): AsyncGenerator<string> {
    let last = from
    // The head of the response leaves with the first part.
    yield 'retry: 2000\n\n'
    while (!ended.aborted) {
      changes.clear()
      const events = await eventsAfter(this.#store, last, this.#limits.eventBatch)
      const statuses = changes.takeStatuses()
      if (events.length + statuses.length === 0) {
        if (await changes.wait(this.#limits.streamPingMs, ended)) continue
        if (!ended.aborted) yield ': ping\n\n'
        continue
      }
      last = events.at(-1)?.id ?? last
      const texts = events.map((event) => `id: ${event.id}\n${textOf(event)}`)
      // Without an id of their own: a client that comes back continues after the last entry.
      for (const status of statuses) texts.push(textOf({ id: last, ...status }))
      yield texts.join('')
    }
  }
}

const textOf = (event: Event): string => `event: ${event.action}\ndata: ${JSON.stringify(event)}\n\n`

/** Waits for the next epoch, or for the next change of a status. */
class Changes {
  readonly #most: number
  #unlisten: (() => void)[] = []
  /** By circuit: only the newest status counts for a client that is slow. */
  #statuses = new Map<string, StatusEvent>()
  #changed = false
  #wake: () => void = () => undefined

  /** `most`: the most statuses that wait. Older ones are dropped. */
  constructor(most: number) {
    this.#most = most
  }

  async listen(store: Store, statuses: StatusChanges): Promise<void> {
    this.#unlisten = [
      await statuses.listen((events) => this.#add(events)),
      store.onEpoch(() => this.#notify()),
    ]
  }

  takeStatuses(): StatusEvent[] {
    const taken = [...this.#statuses.values()]
    this.#statuses.clear()
    return taken
  }

  #add(events: readonly StatusEvent[]): void {
    for (const event of events) {
      this.#statuses.delete(event.object)
      this.#statuses.set(event.object, event)
    }
    for (const key of this.#statuses.keys()) {
      if (this.#statuses.size <= this.#most) break
      this.#statuses.delete(key)
    }
    this.#notify()
  }

  #notify(): void {
    this.#changed = true
    this.#wake()
  }

  clear(): void {
    this.#changed = false
  }

  /** Resolves with true after a change, with false after `ms` or at the end. */
  async wait(ms: number, ended: AbortSignal): Promise<boolean> {
    if (this.#changed) return true
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms)
      ended.addEventListener('abort', done, { once: true })
      this.#wake = done
      function done(): void {
        clearTimeout(timer)
        ended.removeEventListener('abort', done)
        resolve()
      }
    })
    return this.#changed
  }

  close(): void {
    for (const unlisten of this.#unlisten) unlisten()
  }
}
