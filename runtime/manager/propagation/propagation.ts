import type { Condition } from '@branchline/wire/resources/fields'
import type { TrafficReport } from '@branchline/wire/routes/traffic'
import { Observer, type Pod } from '../../propagation/observer.ts'
import { findingsIn, type Notes, notesOf, sentenceOf, Verdicts } from '../../propagation/verdict.ts'
import type { Plan } from '../plan/plan.ts'
import type { PodHop } from '../push/hops.ts'
import { UNREACHED } from '../status/conditions.ts'
import { branchesOf, branchOf } from './branches.ts'
import { treesOf } from './trees.ts'

export interface PropagationOptions {
  readonly plan: () => Plan
  /** The id of the pod with an address. */
  readonly podAt: (address: string) => string | undefined
  /** The findings about an environment (`namespace/name`) changed. */
  readonly onChange: (environment: string) => void
}

const SETTLE_EVERY_MS = 1_000

/** Finds overrides that are not reached because a service loses the key, from what sidecars report. */
export class Propagation {
  readonly #options: PropagationOptions
  #observer: Observer
  #verdicts: Verdicts
  /** The environments whose former findings were read from their status. */
  #restored = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: PropagationOptions) {
    this.#options = options
    this.#observer = this.#newObserver()
    this.#verdicts = new Verdicts(this.#observer)
  }

  /** Begins to observe. What was observed before is forgotten, because another replica has led meanwhile. */
  start(): void {
    this.stop()
    this.#observer = this.#newObserver()
    this.#verdicts = new Verdicts(this.#observer)
    this.#restored = new Set()
    this.#timer = setInterval(() => this.#settle(), SETTLE_EVERY_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** The number of overrides that are not reached. */
  get unreached(): number {
    return this.#verdicts.size
  }

  /**
   * Takes a pod's report. What it says about services that the pod does not run is ignored, and so are callers and keys
   * of environments that have no base in common with its own: no request leads from them to it. So a pod can make a
   * condition blame only services of its own tree of environments.
   */
  take(podId: string, report: TrafficReport): void {
    const pod = this.#podOf(podId)
    if (pod === undefined) return
    const trees = treesOf(this.#options.plan().forest)
    const tree = trees.byName.get(pod.environment)
    const isCaller = ({ from }: { readonly from: string }): boolean => {
      const caller = this.#podAt(from)
      return caller !== undefined && trees.byName.get(caller.environment) === tree
    }
    const isKnown = ({ key }: { readonly key: string }): boolean => (trees.byKey.get(key) ?? tree) === tree
    const services = this.#servicesOf(podId)
    const isOwn = ({ service }: { readonly service: string }): boolean => services.includes(service)
    const own: TrafficReport = {
      ...report,
      keyed: report.keyed.filter((it) => isOwn(it) && isKnown(it)),
      uncounted: report.uncounted?.filter((service) => services.includes(service)),
      calls: report.calls.filter((it) => isOwn(it) && isCaller(it)),
      raw: report.raw.filter((it) => isOwn(it) && isCaller(it)),
    }
    this.#observer.take(pod, own, Date.now())
  }

  /**
   * What was found about an environment, as sentences. `before` contains its current conditions: a manager that has just
   * started continues with them.
   */
  sentences(id: string, key: string | undefined, before: readonly Condition[]): string[] {
    if (!this.#restored.has(id)) {
      this.#restored.add(id)
      const former = before.find(({ type, status }) => type === UNREACHED && status === 'True')
      this.#verdicts.restore(id, findingsIn(former?.message ?? ''), Date.now())
    }
    return this.#verdicts.of(id).map((finding) => sentenceOf(finding, key ?? ''))
  }

  /** What is known about an explained request in addition to its hops. */
  notes(hops: readonly PodHop[]): Notes {
    const plan = this.#options.plan()
    const reported = hops.flatMap(({ pod: id, hop }) => {
      const pod = this.#podOf(id)
      return pod === undefined ? [] : [{ pod, hop }]
    })
    const nodes = [...plan.forest.byName.values()]
    return notesOf(
      reported,
      (key) => {
        const node = nodes.find((it) => it.key === key)
        return node && branchOf(node, plan)
      },
      this.#observer,
    )
  }

  #settle(): void {
    const nowMs = Date.now()
    this.#observer.settle(nowMs)
    const changed = this.#verdicts.update(branchesOf(this.#options.plan()), nowMs)
    for (const id of changed) this.#options.onChange(id)
  }

  #newObserver(): Observer {
    return new Observer({ podAt: (address) => this.#podAt(address) })
  }

  #podAt(address: string): Pod | undefined {
    const id = this.#options.podAt(address)
    return id === undefined ? undefined : this.#podOf(id)
  }

  /** A pod of several Services counts as the first of them. */
  #podOf(id: string): Pod | undefined {
    const environment = this.#options.plan().tables.get(id)?.environment
    const [service] = this.#servicesOf(id)
    if (environment === undefined || environment === '' || service === undefined) return undefined
    return { id, environment, service }
  }

  #servicesOf(id: string): string[] {
    const listeners = this.#options.plan().tables.get(id)?.listeners ?? {}
    return Object.values(listeners).map(({ service }) => service)
  }
}
