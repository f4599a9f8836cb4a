import { refusal } from '@branchline/wire/circuits/problem'
import type { Store } from '../store/store.ts'
import { eventsAfter, newestEvent } from './audit.ts'
import type { ApiLimits } from './limits.ts'

/** The event streams of one coordinator. */
export class EventStreams {
  readonly #store: Store
  readonly #limits: ApiLimits
  readonly #open = new Set<() => void>()

  constructor(store: Store, limits: ApiLimits) {
    this.#store = store
    this.#limits = limits
  }

  /**
   * Opens a stream of the changes after `after`, or from now on. It reads the next changes only when the client has
   * taken the ones before, so a slow client costs no memory.
   */
  async open(after: number | undefined, signal: AbortSignal): Promise<Response> {
    if (this.#open.size >= this.#limits.streams) {
      throw refusal('unavailable', { detail: `${this.#limits.streams} event streams are open already.` })
    }
    const from = after ?? (await newestEvent(this.#store))
    const body = this.#stream(from, signal)
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

  #stream(from: number, signal: AbortSignal): ReadableStream<Uint8Array> {
    const ended = new AbortController()
    const end = (): void => ended.abort()
    this.#open.add(end)
    const changes = new Changes(this.#store)
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
          if (part.done !== true) return controller.enqueue(encoder.encode(part.value))
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
      if (events.length === 0) {
        if (await changes.wait(this.#limits.streamPingMs, ended)) continue
        if (!ended.aborted) yield ': ping\n\n'
        continue
      }
      last = (events.at(-1) as (typeof events)[number]).id
      yield events
        .map((event) => `id: ${event.id}\nevent: ${event.action}\ndata: ${JSON.stringify(event)}\n\n`)
        .join('')
    }
  }
}

/** Waits for the next epoch. */
class Changes {
  readonly #unlisten: () => void
  #changed = false
  #wake: () => void = () => undefined

  constructor(store: Store) {
    this.#unlisten = store.onEpoch(() => {
      this.#changed = true
      this.#wake()
    })
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
    this.#unlisten()
  }
}
