import type { TcpHop, TrafficReport } from '@branchline/wire/routes/traffic'
import { type Call, Calls } from './calls.ts'
import { Gaps } from './gaps.ts'
import { ClockDifference, comparedTime, KEPT_MS, keyedPart, sampleOf, type Span } from './timeline.ts'
import { MAX_REPORT_TIMES } from './recorder.ts'
import { Times } from './times.ts'

/** A pod that takes part: the environment and the service that it runs. */
export interface Pod {
  readonly id: string
  readonly environment: string
  readonly service: string
}

export interface ObserverOptions {
  /** The pod with an address. Undefined if none that takes part has it. */
  readonly podAt: (address: string) => Pod | undefined
}

/** How long after its report a keyed time is compared, so that the reports of the callees have arrived as well. */
const SETTLE_MS = 2_500
/** The most entries of the maps, which evict their oldest ones. */
const MAX_PODS = 10_000
const MAX_KEYS = 50_000
const MAX_PENDING = 20_000
/** The most keyed times of one report that are compared. A few are enough. */
const MAX_SPANS = 8
const MAX_TIMES = 200_000

interface Observed {
  readonly clock: ClockDifference
  /** When it called each service without a key. */
  readonly calls: Map<string, Times>
}

interface Pending {
  readonly pod: Pod
  readonly span: Span
  readonly dueAtMs: number
}

/** What all sidecars together saw of keys. Bounded, and lost with the process: the sidecars report again. */
export class Observer {
  readonly calls = new Calls()
  readonly #options: ObserverOptions
  readonly #pods = new Map<string, Observed>()
  /** By key and service: when a request with the key last reached it. */
  readonly #reached = new Map<string, number>()
  /** By key and `environment/service`: how many requests with the key the service has served. */
  readonly #served = new Map<string, number>()
  /** By `environment/service` and service: the environment to which its TCP connections go. */
  readonly #raw = new Map<string, TcpHop>()
  /** By service: the times of which not all calls are known. */
  readonly #gaps = new Map<string, Gaps>()
  #pending: Pending[] = []
  #times = 0

  constructor(options: ObserverOptions) {
    this.#options = options
  }

  /** Takes a report of a pod. The caller has checked that the pod runs the services that the report names. */
  take(pod: Pod, report: TrafficReport, nowMs: number): void {
    const { clock } = this.#observed(pod.id)
    clock.take(report.untilMs, nowMs)
    const untilMs = report.untilMs + clock.ms
    const self = callerOf(pod)
    for (const { service, key, served } of report.keyed) {
      remember(this.#reached, `${key} ${service}`, nowMs)
      const id = `${key} ${self}`
      if (served > 0) remember(this.#served, id, (this.#served.get(id) ?? 0) + served)
    }
    for (const service of report.uncounted ?? []) remember(this.#reached, `* ${service}`, nowMs)
    let left = MAX_REPORT_TIMES
    for (const it of report.calls) {
      // A report with more times than a sidecar sends must not fill the memory for those of all others.
      const at = it.at.slice(0, left)
      left -= at.length
      const completeMs = at.length < it.at.length ? Math.max(...it.at, it.completeMs ?? 0) : it.completeMs
      this.#takeCalls({ ...it, at, completeMs }, untilMs, nowMs)
    }
    for (const { service, from, environment } of report.raw) {
      const caller = this.#options.podAt(from)
      if (caller === undefined) continue
      const hop = { service, from: caller.service, environment }
      remember(this.#raw, `${callerOf(caller)} ${service}`, hop)
    }
    for (const { beganMs, ms, idleMs } of report.keyedTimes.slice(0, MAX_SPANS)) {
      if (this.#pending.length >= MAX_PENDING) break
      const span = { beganAtMs: untilMs - beganMs, ms, idleMs }
      this.#pending.push({ pod, span, dueAtMs: nowMs + SETTLE_MS })
    }
  }

  /** Compares the keyed times that are due. Call it every second. */
  settle(nowMs: number): void {
    const due = this.#pending.filter(({ dueAtMs }) => dueAtMs <= nowMs)
    if (due.length > 0) this.#pending = this.#pending.filter(({ dueAtMs }) => dueAtMs > nowMs)
    for (const { pod, span } of due) {
      for (const call of this.calls.from(callerOf(pod))) this.#compare(pod, span, call)
    }
    this.#forget(nowMs - KEPT_MS)
  }

  /** When a request with a key last reached a service. */
  reachedAtMs(key: string, service: string): number {
    return Math.max(
      this.#reached.get(`${key} ${service}`) ?? -Infinity,
      this.#reached.get(`* ${service}`) ?? -Infinity,
    )
  }

  /** How many requests with a key a service (`environment/service`) has served. */
  served(key: string, caller: string): number {
    return this.#served.get(`${key} ${caller}`) ?? 0
  }

  /** The services that a pod called without a key within a time by the pod's clock. */
  calledWithoutKey(podId: string, fromMs: number, ms: number): string[] {
    const observed = this.#pods.get(podId)
    if (observed === undefined) return []
    const startMs = fromMs + observed.clock.ms
    return [...observed.calls].flatMap(([service, times]) =>
      times.hit(startMs, startMs + ms) ? [service] : [],
    )
  }

  /** The known TCP connections of a service (`environment/service`). */
  tcpFrom(pod: Pod): TcpHop[] {
    const prefix = `${callerOf(pod)} `
    return [...this.#raw].flatMap(([id, hop]) => (id.startsWith(prefix) ? [hop] : []))
  }

  #takeCalls(
    { service, from, keyed, keyless, at, completeMs }: TrafficReport['calls'][number],
    untilMs: number,
    nowMs: number,
  ): void {
    const pod = this.#options.podAt(from)
    if (pod === undefined || pod.service === service) return
    const by = { caller: callerOf(pod), callerService: pod.service, environment: pod.environment }
    const call = this.calls.seen(by, service, nowMs)
    if (keyed > 0) {
      call.keyedAtMs = nowMs
      call.evidence.clear()
    }
    if (completeMs !== undefined) {
      const gaps = this.#gaps.get(service) ?? new Gaps()
      this.#gaps.set(service, gaps)
      gaps.add(untilMs - completeMs, untilMs)
    }
    if (keyless === 0) return
    const { calls } = this.#observed(pod.id)
    const times = calls.get(service) ?? new Times()
    calls.set(service, times)
    for (const ms of at) {
      if (this.#times >= MAX_TIMES) break
      this.#times++
      times.add(untilMs - ms)
    }
  }

  #compare(pod: Pod, span: Span, call: Call): void {
    const times = this.#pods.get(pod.id)?.calls.get(call.callee)
    // A job that happens to run at the moment of a request is not caused by it.
    if (times === undefined || times.continuesRhythm(...keyedPart(span))) return
    times.setCaused(...keyedPart(span))
    const [fromMs, toMs] = comparedTime(span)
    // It forwards the key, or did so a moment ago.
    if (call.keyedAtMs > fromMs) return
    if (this.#gaps.get(call.callee)?.hit(fromMs, toMs) === true) return
    call.evidence.add(sampleOf(span, times))
  }

  #observed(pod: string): Observed {
    const known = this.#pods.get(pod)
    if (known !== undefined) return known
    const observed: Observed = { clock: new ClockDifference(), calls: new Map() }
    remember(this.#pods, pod, observed, MAX_PODS)
    return observed
  }

  #forget(beforeMs: number): void {
    this.#times = 0
    for (const { calls } of this.#pods.values()) {
      for (const [service, times] of calls) {
        times.forget(beforeMs)
        this.#times += times.size
        if (times.size === 0) calls.delete(service)
      }
    }
    for (const [service, gaps] of this.#gaps) {
      gaps.forget(beforeMs)
      if (gaps.size === 0) this.#gaps.delete(service)
    }
  }
}

export const callerOf = ({ environment, service }: Pod): string => `${environment}/${service}`

/** Stores a value as the newest one. If there are too many, forgets the oldest. */
function remember<T>(map: Map<string, T>, id: string, value: T, max = MAX_KEYS): void {
  map.delete(id)
  map.set(id, value)
  if (map.size > max) map.delete(map.keys().next().value as string)
}
