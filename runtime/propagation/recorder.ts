import { MAX_CALL_TIMES, MAX_TRAFFIC_ENTRIES } from '@branchline/wire/routes/protocol'
import type { TrafficReport } from '@branchline/wire/routes/traffic'
import { KeyedTimes } from './keyed-times.ts'

/** The most keys of a service that wait to be reported. */
const MAX_WAITING_KEYS = 1_024
/** The most times of calls of a whole report, which bounds its size. */
export const MAX_REPORT_TIMES = 256
/** Times older than this are not reported: a report was due long ago. */
const MAX_AGE_MS = 60_000

/** A request that has ended. */
export interface EndedRequest {
  readonly service: string
  readonly key: string | undefined
  /** The address of the caller. Undefined if another sidecar sent it, or nothing is known about its key. */
  readonly from: string | undefined
  /** The result of {@link Recorder.begin}. Undefined if the app of the pod did not serve it. */
  readonly begun: number | undefined
  readonly arrivedAtMs: number
}

interface KeyCount {
  received: number
  served: number
}

interface Calls {
  keyed: number
  keyless: number
  readonly atMs: number[]
  /** The first call that is not in `atMs`. */
  incompleteFromMs: number | undefined
}

interface RawCount {
  environment: string
  opened: number
  reported: boolean
}

type Counted<T> = Map<string, Map<string, T>>

/**
 * Counts the requests of one pod by key and by caller, for the sidecar. Every map is bounded. A request costs one or
 * two look-ups. All times are of one monotonic clock.
 */
export class Recorder {
  readonly #times: KeyedTimes
  readonly #keys: Counted<KeyCount> = new Map()
  readonly #uncounted = new Set<string>()
  readonly #raw: Counted<RawCount> = new Map()
  #calls: Counted<Calls> = new Map()
  #callers = 0
  #timesLeft = MAX_REPORT_TIMES

  constructor(nowMs: number) {
    this.#times = new KeyedTimes(nowMs)
  }

  /** A request that the app of this pod will serve begins. */
  begin(isKeyed: boolean, nowMs: number): number {
    return this.#times.begin(isKeyed, nowMs)
  }

  end({ service, key, from, begun, arrivedAtMs }: EndedRequest, nowMs: number): void {
    if (begun !== undefined) this.#times.end(begun, nowMs)
    if (key !== undefined) this.#countKey(service, key, begun !== undefined)
    if (from !== undefined) this.#countCall(service, from, key === undefined, arrivedAtMs)
  }

  /** A connection that is not HTTP goes to an environment. */
  raw(service: string, from: string, environment: string): void {
    const known = this.#raw.get(service)?.get(from)
    if (known === undefined) {
      if (sizeOf(this.#raw) < MAX_TRAFFIC_ENTRIES)
        add(this.#raw, service, from, { environment, opened: 1, reported: false })
      return
    }
    known.opened++
    known.reported &&= known.environment === environment
    known.environment = environment
  }

  /** Call this every second. */
  tick(nowMs: number): void {
    this.#times.tick(nowMs)
  }

  /** The manager may be a new one: reports again what it needs to know and what does not repeat by itself. */
  again(): void {
    for (const callers of this.#raw.values()) for (const raw of callers.values()) raw.reported = false
  }

  /** Forgets times, because nobody can receive them. The counts of keys stay. */
  forget(nowMs: number): void {
    this.#times.take(nowMs)
    this.#takeCalls()
  }

  /** Returns what is new since the last report, or undefined. `wallMs` is `nowMs` by the clock of the day. */
  take(nowMs: number, wallMs: number): TrafficReport | undefined {
    const keyed = this.#takeKeys()
    const uncounted = [...this.#uncounted].slice(0, MAX_TRAFFIC_ENTRIES)
    for (const service of uncounted) this.#uncounted.delete(service)
    const calls = this.#takeCalls().map(([service, from, it]) => callsOf(service, from, it, nowMs))
    const raw = this.#takeRaw()
    const keyedTimes = this.#times.take(nowMs).flatMap(({ beganAtMs, ms, idleMs }) => {
      const beganMs = rounded(nowMs - beganAtMs)
      return beganMs > MAX_AGE_MS ? [] : [{ beganMs, ms: rounded(ms), idleMs: Math.floor(idleMs) }]
    })
    const size = keyed.length + uncounted.length + calls.length + raw.length + keyedTimes.length
    if (size === 0) return undefined
    return {
      type: 'traffic',
      untilMs: wallMs,
      keyed,
      ...(uncounted.length > 0 && { uncounted }),
      calls,
      raw,
      keyedTimes,
    }
  }

  #countKey(service: string, key: string, served: boolean): void {
    let count = this.#keys.get(service)?.get(key)
    if (count === undefined) {
      if ((this.#keys.get(service)?.size ?? 0) >= MAX_WAITING_KEYS) {
        this.#uncounted.add(service)
        return
      }
      count = add(this.#keys, service, key, { received: 0, served: 0 })
    }
    count.received++
    if (served) count.served++
  }

  #countCall(service: string, from: string, keyless: boolean, arrivedAtMs: number): void {
    let calls = this.#calls.get(service)?.get(from)
    if (calls === undefined) {
      if (this.#callers >= MAX_TRAFFIC_ENTRIES) return
      this.#callers++
      calls = add(this.#calls, service, from, {
        keyed: 0,
        keyless: 0,
        atMs: [],
        incompleteFromMs: undefined,
      })
    }
    if (!keyless) {
      calls.keyed++
      return
    }
    calls.keyless++
    if (calls.atMs.length < MAX_CALL_TIMES && this.#timesLeft > 0) {
      this.#timesLeft--
      calls.atMs.push(arrivedAtMs)
    } else calls.incompleteFromMs ??= arrivedAtMs
  }

  #takeKeys(): TrafficReport['keyed'] {
    const taken: TrafficReport['keyed'] = []
    for (const [service, keys] of this.#keys) {
      for (const [key, count] of keys) {
        if (taken.length >= MAX_TRAFFIC_ENTRIES) return taken
        taken.push({ service, key, ...count })
        keys.delete(key)
      }
      if (keys.size === 0) this.#keys.delete(service)
    }
    return taken
  }

  #takeCalls(): (readonly [string, string, Calls])[] {
    if (this.#callers === 0) return []
    const calls = flat(this.#calls)
    this.#calls = new Map()
    this.#callers = 0
    this.#timesLeft = MAX_REPORT_TIMES
    return calls
  }

  #takeRaw(): TrafficReport['raw'] {
    const news = flat(this.#raw).filter(([, , raw]) => !raw.reported)
    return news.map(([service, from, raw]) => {
      raw.reported = true
      return { service, from, environment: raw.environment, opened: raw.opened }
    })
  }
}

function callsOf(
  service: string,
  from: string,
  { keyed, keyless, atMs, incompleteFromMs }: Calls,
  nowMs: number,
): TrafficReport['calls'][number] {
  const ages = atMs.map((it) => rounded(nowMs - it)).filter((age) => age <= MAX_AGE_MS)
  const completeMs =
    incompleteFromMs === undefined ? undefined : Math.min(rounded(nowMs - incompleteFromMs), MAX_AGE_MS)
  return { service, from, keyed, keyless, at: ages, ...(completeMs !== undefined && { completeMs }) }
}

/** Tenths of a millisecond: shorter than any request, and short in JSON. */
const rounded = (ms: number): number => Math.max(0, Math.round(ms * 10) / 10)

function add<T>(counted: Counted<T>, one: string, two: string, value: T): T {
  const inner = counted.get(one)
  if (inner === undefined) counted.set(one, new Map([[two, value]]))
  else inner.set(two, value)
  return value
}

const flat = <T>(counted: Counted<T>): (readonly [string, string, T])[] =>
  [...counted].flatMap(([one, inner]) => [...inner].map(([two, value]) => [one, two, value] as const))

const sizeOf = (counted: Counted<unknown>): number =>
  [...counted.values()].reduce((sum, inner) => sum + inner.size, 0)
