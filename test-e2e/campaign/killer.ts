import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '@branchline/runtime/http1/campaign/random'
import { SIDECAR_CONTAINER } from '@branchline/wire/names'
import type { PodProcess, Running } from '../harness/target.ts'
import { until } from '../harness/until.ts'

/** A time during which a process was down: from the signal until it was ready again and others knew it. */
export interface Outage {
  /** `manager`, `relay`, or `<service>@<environment>` for both the app and its sidecar. */
  readonly what: string
  readonly signal: 'SIGKILL' | 'SIGTERM'
  /** The container that got the signal. */
  readonly container: string
  readonly fromMs: number
  toMs: number
}

const READY_TIMEOUT_MS = 60_000
const POLL_MS = 25
/** How long others may take to learn that a process is back (link, table, endpoints), in milliseconds. */
const KNOWN_MS = 3_000
const PAUSE_MS = 1_500

/** Kills and stops processes of every kind, one after another, until the time is over. */
export class Killer {
  readonly outages: Outage[] = []
  readonly #platform: Running
  readonly #random: Random
  readonly #signals: readonly Outage['signal'][] = ['SIGKILL', 'SIGTERM']

  constructor(platform: Running, random: Random) {
    this.#platform = platform
    this.#random = random
  }

  async run(untilMs: number): Promise<void> {
    while (performance.now() < untilMs) {
      await delay(this.#random.below(PAUSE_MS))
      await this.#strike()
    }
  }

  async #strike(): Promise<void> {
    const all = (await this.#platform.processes()).filter(({ pid, ready }) => pid !== undefined && ready)
    // It chooses a kind first, so that the number of pods of a kind does not matter.
    const what = this.#random.oneOf([...new Set(all.map(kindOf))])
    const victim = this.#random.oneOf(all.filter((process) => kindOf(process) === what))
    const signal = this.#random.oneOf(this.#signals)
    const outage: Outage = {
      what: placeOf(victim),
      signal,
      container: victim.container,
      fromMs: performance.now(),
      toMs: Number.POSITIVE_INFINITY,
    }
    this.outages.push(outage)
    process.kill(victim.pid as number, signal)
    await this.#isBack(victim)
    await delay(KNOWN_MS)
    outage.toMs = performance.now()
  }

  async #isBack({ pod, container, pid }: PodProcess): Promise<void> {
    const isBack = async (): Promise<void> => {
      const found = (await this.#platform.processes()).find(
        (it) => it.pod === pod && it.container === container,
      )
      if (found?.pid === undefined || found.pid === pid || !found.ready) {
        await delay(POLL_MS)
        throw new Error(`${pod} ${container} is not ready again`)
      }
    }
    await until('a process that was killed', isBack, READY_TIMEOUT_MS)
  }
}

const isSidecar = ({ container }: PodProcess): boolean => container === SIDECAR_CONTAINER

const nameOf = ({ pod }: PodProcess): string =>
  /^branchline-(manager|relay)/.exec(pod)?.[1] ?? pod.split('-')[0] ?? ''

const kindOf = (process: PodProcess): string =>
  isSidecar(process) ? `sidecar of ${placeOf(process)}` : placeOf(process)

function placeOf(process: PodProcess): string {
  const name = nameOf(process)
  return name === 'manager' || name === 'relay' ? name : `${name}@${process.namespace}`
}
