import { traffic } from '@branchline/wire/routes/traffic'
import { Observer, type Pod } from './observer.ts'
import { Recorder } from './recorder.ts'
import { type Branch, type Finding, Verdicts } from './verdict.ts'

/** A service of a simulated shop. */
export interface SimulatedService {
  readonly name: string
  /** The services that it calls, in order. */
  readonly calls: readonly string[]
  /** Whether it calls them without the key of the request that it serves. */
  readonly drops: boolean
}

/** A client that sends requests again and again. */
export interface Load {
  readonly service: string
  readonly key: string | undefined
  /** The mean time between two requests, and whether it is always the same. */
  readonly everyMs: number
  readonly regular?: boolean
  /** When it begins. Default: at a random time within the first interval. */
  readonly afterMs?: number
  /** The service whose own job it is. Undefined: a client whose pod is not known. */
  readonly job?: string
  /** The calls that its requests cause, as `caller>callee`. Undefined: all. */
  readonly pages?: readonly string[]
}

export interface Simulation {
  readonly services: readonly SimulatedService[]
  readonly branch: { readonly key: string; readonly overrides: readonly string[] }
  readonly loads: readonly Load[]
  readonly seed: number
  /** How far the clocks of the pods differ at most. */
  readonly skewMs: number
}

interface Running {
  readonly pod: Pod
  readonly address: string
  readonly recorder: Recorder
  readonly skewMs: number
}

const HOP_MS = 0.5
const BASE = 'baseline'

/** A shop in virtual time: its sidecars record with the real recorder, and report to the real observer. */
export class SimulatedShop {
  readonly verdicts: Verdicts
  nowMs = 0
  /** How many requests of each key have ended. */
  readonly served = new Map<string | undefined, number>()
  readonly #services: ReadonlyMap<string, SimulatedService>
  readonly #pods = new Map<string, Running>()
  readonly #observer: Observer
  readonly #branch: Branch
  readonly #random: () => number
  /** Processes that wait, by the time at which they continue. */
  #waiting: { readonly atMs: number; readonly process: Generator<number, void> }[] = []

  constructor(simulation: Simulation) {
    const { services, branch, loads, seed, skewMs } = simulation
    this.#random = randomOf(seed)
    this.#services = new Map(services.map((service) => [service.name, service]))
    const run = (environment: string, service: string): void => {
      const pod = { id: `${environment}/${service}-0`, environment, service }
      const address = `10.0.0.${this.#pods.size + 1}`
      const skew = (this.#random() - 0.5) * skewMs
      this.#pods.set(`${environment}/${service}`, { pod, address, recorder: new Recorder(0), skewMs: skew })
    }
    for (const { name } of services) run(BASE, name)
    for (const name of branch.overrides) run(branch.key, name)
    const podAt = (address: string): Pod | undefined =>
      [...this.#pods.values()].find((it) => it.address === address)?.pod
    this.#observer = new Observer({ podAt })
    this.verdicts = new Verdicts(this.#observer)
    this.#branch = { id: 'alice/alice', ...branch, chain: [branch.key, BASE] }
    for (const load of loads) {
      const phase = this.#random() * load.everyMs
      this.#start(this.#repeat(load), (load.afterMs ?? 0) + phase)
    }
    this.#start(this.#report(), 1_000)
  }

  get findings(): Finding[] {
    return this.verdicts.of(this.#branch.id)
  }

  /** Runs until a time, or until the condition holds after a report. */
  run(untilMs: number, isOver = (): boolean => false): void {
    for (;;) {
      this.#waiting.sort((one, other) => one.atMs - other.atMs)
      const next = this.#waiting.shift()
      if (next === undefined || next.atMs > untilMs || isOver()) return
      this.nowMs = next.atMs
      const step = next.process.next()
      if (step.done !== true) this.#waiting.push({ atMs: this.nowMs + step.value, process: next.process })
    }
  }

  #start(process: Generator<number, void>, afterMs: number): void {
    this.#waiting.push({ atMs: this.nowMs + afterMs, process })
  }

  *#repeat({ service, key, everyMs, regular, job, pages }: Load): Generator<number, void> {
    const from = job === undefined ? '192.168.0.1' : (this.#pods.get(`${BASE}/${job}`) as Running).address
    for (;;) {
      this.#start(this.#request(service, key, from, pages), 0)
      yield regular === true ? everyMs : -Math.log(1 - this.#random()) * everyMs
    }
  }

  *#request(
    service: string,
    key: string | undefined,
    from: string,
    pages: readonly string[] | undefined,
  ): Generator<number, void> {
    yield* this.#serve(service, key, from, pages)
    this.served.set(key, (this.served.get(key) ?? 0) + 1)
  }

  /** The sidecar of the base gets the request, and its app or the override serves it. */
  *#serve(
    name: string,
    key: string | undefined,
    from: string,
    pages: readonly string[] | undefined,
  ): Generator<number, void> {
    yield HOP_MS
    const base = this.#pods.get(`${BASE}/${name}`) as Running
    const override = key === this.#branch.key ? this.#pods.get(`${key}/${name}`) : undefined
    const serving = override ?? base
    const arrivedAtMs = this.nowMs
    const begun = serving.recorder.begin(key !== undefined, this.nowMs)
    yield 1 + this.#random() * 4
    const { calls, drops } = this.#services.get(name) as SimulatedService
    for (const callee of calls) {
      if (pages?.includes(`${name}>${callee}`) === false) continue
      yield* this.#serve(callee, this.#keyOf(key, drops, override), serving.address, pages)
      yield this.#random()
    }
    const ended = { service: name, key, arrivedAtMs }
    if (override === undefined) base.recorder.end({ ...ended, from, begun }, this.nowMs)
    else {
      base.recorder.end({ ...ended, from, begun: undefined }, this.nowMs)
      override.recorder.end({ ...ended, from: undefined, begun }, this.nowMs)
    }
    yield HOP_MS
  }

  /** A sidecar knows the key of a pod of a branch by its address. */
  #keyOf(key: string | undefined, drops: boolean, override: Running | undefined): string | undefined {
    return drops && override === undefined ? undefined : key
  }

  *#report(): Generator<number, void> {
    for (;;) {
      for (const { pod, recorder, skewMs } of this.#pods.values()) {
        recorder.tick(this.nowMs)
        const report = recorder.take(this.nowMs, this.nowMs + skewMs)
        if (report === undefined) continue
        this.#observer.take(pod, traffic.parse(JSON.parse(JSON.stringify(report))), this.nowMs)
      }
      this.#observer.settle(this.nowMs)
      this.verdicts.update([this.#branch], this.nowMs)
      yield 1_000
    }
  }
}

/** Pseudo-random numbers from 0 to 1 (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
