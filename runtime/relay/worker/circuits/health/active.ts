import { Counts } from '../../../../process/exposition.ts'
import type { Upstream } from '../../../../transport/transport.ts'
import type { PathFinder } from '../paths.ts'
import type { ServedCircuit } from '../served-circuit.ts'
import type { CircuitListener } from '../served-circuits.ts'
import type { ServedTarget } from '../served-target.ts'
import { type CheckLimits, DEFAULT_CHECK_LIMITS } from './limits.ts'
import { type CheckPlan, planOf } from './plan.ts'
import { type CheckResult, probe } from './probe.ts'
import type { TargetReports } from './reports.ts'

/** Checks the targets of circuits that ask for it, each at its interval, and a bounded number at a time. */
export class ActiveHealth implements CircuitListener {
  readonly results = new Counts<'passed' | 'failed'>('result')
  readonly #limits: CheckLimits
  readonly #paths: Pick<PathFinder, 'linksOf'>
  readonly #reports: TargetReports
  readonly #checks = new Map<ServedCircuit, Map<ServedTarget, TargetCheck>>()
  readonly #waiting = new Set<TargetCheck>()
  #running = 0

  constructor(paths: Pick<PathFinder, 'linksOf'>, reports: TargetReports, limits: Partial<CheckLimits> = {}) {
    this.#paths = paths
    this.#reports = reports
    this.#limits = { ...DEFAULT_CHECK_LIMITS, ...limits }
  }

  served(served: ServedCircuit): void {
    const plan = planOf(served.circuit, this.#limits)
    const targets = new Set(served.targets)
    for (const check of this.#of(served)) {
      if (plan === undefined || !targets.has(check.target)) this.#forget(check)
    }
    for (const target of served.targets) {
      if (plan !== undefined && target.deployed.devbox === undefined) this.#check(served, target, plan)
      else if (target.status !== 'UNKNOWN') this.#reset(served, target)
    }
  }

  removed(served: ServedCircuit): void {
    for (const check of this.#of(served)) this.#forget(check)
    this.#checks.delete(served)
  }

  /** Checks a target now, because its requests fail. False if it is not checked actively. */
  hurry(served: ServedCircuit, target: ServedTarget): boolean {
    const check = this.#checks.get(served)?.get(target)
    check?.schedule(0)
    return check !== undefined
  }

  stop(): void {
    for (const served of this.#checks.keys()) this.removed(served)
  }

  /** A check is due. */
  due(check: TargetCheck): void {
    this.#waiting.add(check)
    this.#next()
  }

  /** The result of a check. */
  judged({ served, target }: TargetCheck, failures: number, result: CheckResult): void {
    this.results.inc(result === undefined ? 'passed' : 'failed')
    const { retries } = planOf(served.circuit, this.#limits) ?? this.#limits
    // The first check decides at once, because nothing is known yet.
    const isHealthy = result === undefined || (target.status === 'HEALTHY' && failures <= retries)
    const status = isHealthy ? 'HEALTHY' : 'UNHEALTHY'
    if (target.status === status) return
    target.status = status
    served.changed()
    this.#reports.add(served, target, status, result)
  }

  #check(served: ServedCircuit, target: ServedTarget, plan: CheckPlan): void {
    const checks = this.#checks.get(served) ?? new Map<ServedTarget, TargetCheck>()
    this.#checks.set(served, checks)
    const known = checks.get(target)
    if (known !== undefined) return known.follow(plan)
    const check = new TargetCheck(served, target, plan, this)
    checks.set(target, check)
    check.schedule(Math.random() * Math.min(this.#limits.firstMs, plan.intervalMs))
  }

  /** The circuit has no check any more, so the target counts as healthy. */
  #reset(served: ServedCircuit, target: ServedTarget): void {
    target.status = 'UNKNOWN'
    served.changed()
    this.#reports.add(served, target, 'UNKNOWN', undefined)
  }

  #forget(check: TargetCheck): void {
    check.stop()
    this.#waiting.delete(check)
    this.#checks.get(check.served)?.delete(check.target)
  }

  #of(served: ServedCircuit): readonly TargetCheck[] {
    return [...(this.#checks.get(served)?.values() ?? [])]
  }

  #next(): void {
    for (const check of this.#waiting) {
      if (this.#running >= this.#limits.checks) return
      this.#waiting.delete(check)
      this.#running++
      void this.#run(check).finally(() => {
        this.#running--
        this.#next()
      })
    }
  }

  async #run(check: TargetCheck): Promise<void> {
    const upstream = this.#upstreamOf(check)
    if (typeof upstream === 'string') return check.finish(upstream)
    const { address } = check.target.deployed
    const host = address ?? check.served.label
    check.finish(await probe(upstream, check.plan, { host, headBytes: this.#limits.headBytes }))
  }

  #upstreamOf({ served, target }: TargetCheck): Upstream | string {
    if (target.address !== undefined) return target.address
    const found = this.#paths.linksOf(served, target)
    const link = found?.state === 'live' ? target.linksOf(found)[0] : undefined
    return link ?? 'its cluster is not connected'
  }
}

/** The checks of one target. */
class TargetCheck {
  readonly served: ServedCircuit
  readonly target: ServedTarget
  plan: CheckPlan
  readonly #owner: ActiveHealth
  #timer: NodeJS.Timeout | undefined = undefined
  #failures = 0
  #over = false

  constructor(served: ServedCircuit, target: ServedTarget, plan: CheckPlan, owner: ActiveHealth) {
    this.served = served
    this.target = target
    this.plan = plan
    this.#owner = owner
  }

  /** Applies other settings from the next check on. */
  follow(plan: CheckPlan): void {
    this.plan = plan
  }

  schedule(waitMs: number): void {
    if (this.#over) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#owner.due(this), waitMs)
  }

  finish(result: CheckResult): void {
    if (this.#over) return
    this.#failures = result === undefined ? 0 : this.#failures + 1
    this.#owner.judged(this, this.#failures, result)
    // Checks of many targets spread over time.
    this.schedule(this.plan.intervalMs * (0.9 + Math.random() * 0.2))
  }

  stop(): void {
    this.#over = true
    clearTimeout(this.#timer)
  }
}
