import { MAX_TRAFFIC_ENTRIES } from '@branchline/wire/routes/protocol'

/** A time in which the app had only requests with a key, by the monotonic clock, and how long it was idle before. */
export interface KeyedTime {
  readonly beganAtMs: number
  readonly ms: number
  readonly idleMs: number
}

/** A keyed time that lasts longer is cut, and a longer time without requests counts as this long. */
const MAX_KEYED_MS = 5_000
const MAX_IDLE_MS = 20_000
/** After this many ticks, a request no longer counts as running: it may be a stream that never ends. */
const GENERATIONS = 16
/**
 * A keyed time ends this long before a request without a key begins. Clocks differ, so the calls of that request may
 * seem to be earlier than they are.
 */
const UNSURE_MS = 10

/**
 * Notes the times in which the app of a pod had only requests with a key. A call of the app without a key at such a
 * time belongs to a request with a key, or to none. A request costs two additions.
 */
export class KeyedTimes {
  #noted: KeyedTime[] = []
  #generation = 0
  readonly #keyed = new Uint32Array(GENERATIONS)
  readonly #keyless = new Uint32Array(GENERATIONS)
  #open = 0
  #idleSinceMs: number
  /** The keyed time that runs. */
  #running: { readonly beganAtMs: number; readonly idleMs: number } | undefined

  constructor(nowMs: number) {
    this.#idleSinceMs = nowMs
  }

  /** A request for the app begins. The result identifies it for {@link end}. */
  begin(isKeyed: boolean, nowMs: number): number {
    const slot = this.#generation % GENERATIONS
    if (isKeyed) {
      if (this.#open === 0) {
        const idleMs = Math.min(nowMs - this.#idleSinceMs, MAX_IDLE_MS)
        this.#running = { beganAtMs: nowMs, idleMs }
      }
      this.#keyed[slot] = (this.#keyed[slot] as number) + 1
    } else {
      this.#note(nowMs)
      this.#shorten(nowMs - UNSURE_MS)
      this.#keyless[slot] = (this.#keyless[slot] as number) + 1
    }
    this.#open++
    return isKeyed ? this.#generation : ~this.#generation
  }

  /** A request that {@link begin} identified has ended. */
  end(begun: number, nowMs: number): void {
    const generation = begun >= 0 ? begun : ~begun
    if (this.#generation - generation >= GENERATIONS) return
    const counts = begun >= 0 ? this.#keyed : this.#keyless
    const slot = generation % GENERATIONS
    counts[slot] = (counts[slot] as number) - 1
    this.#close(1, nowMs)
  }

  /** Call this every second. Requests of {@link GENERATIONS} ticks ago count as ended. */
  tick(nowMs: number): void {
    if (this.#running !== undefined && nowMs - this.#running.beganAtMs > MAX_KEYED_MS) this.#note(nowMs)
    this.#generation++
    const slot = this.#generation % GENERATIONS
    const expired = (this.#keyed[slot] as number) + (this.#keyless[slot] as number)
    this.#keyed[slot] = 0
    this.#keyless[slot] = 0
    if (expired > 0) this.#close(expired, nowMs)
  }

  /** Returns the times that were noted since the last call. The newest one stays if it may still be shortened. */
  take(nowMs: number): KeyedTime[] {
    const noted = this.#noted
    if (noted.length === 0) return noted
    const last = noted.at(-1) as KeyedTime
    const isUnsure = last.beganAtMs + last.ms > nowMs - UNSURE_MS
    this.#noted = isUnsure ? [last] : []
    return isUnsure ? noted.slice(0, -1) : noted
  }

  #close(count: number, nowMs: number): void {
    this.#open -= count
    if (this.#open > 0) return
    this.#note(nowMs)
    this.#idleSinceMs = nowMs
  }

  #shorten(untilMs: number): void {
    const last = this.#noted.at(-1)
    if (last === undefined || last.beganAtMs + last.ms <= untilMs) return
    this.#noted.pop()
    if (untilMs > last.beganAtMs) this.#noted.push({ ...last, ms: untilMs - last.beganAtMs })
  }

  #note(untilMs: number): void {
    const running = this.#running
    if (running === undefined) return
    this.#running = undefined
    const ms = Math.min(untilMs - running.beganAtMs, MAX_KEYED_MS)
    if (ms > 0 && this.#noted.length < MAX_TRAFFIC_ENTRIES) this.#noted.push({ ...running, ms })
  }
}
