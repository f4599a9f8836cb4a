import type { Hop } from '@branchline/wire/explain'
import type { Missed, TcpHop } from '@branchline/wire/routes/traffic'
import { callerOf, type Observer, type Pod } from './observer.ts'

/** A branch that may have overrides which its requests do not reach. */
export interface Branch {
  /** `namespace/name` of the Environment. */
  readonly id: string
  readonly key: string
  /** The HTTP services that it overrides and that an environment above it runs as well. */
  readonly overrides: readonly string[]
  /** Its own name, and the names of the environments above it. */
  readonly chain: readonly string[]
}

/** A conclusion: an override is not reached, because a service calls another one without the key. */
export interface Finding {
  readonly override: string
  /** The environment and the name of the service that received the key. */
  readonly environment: string
  readonly by: string
  /** The service that it called without the key. */
  readonly called: string
}

interface Found {
  readonly finding: Finding
  readonly atMs: number
  /** Whether a former process found it, whose evidence is lost. */
  readonly isRestored: boolean
}

/** A few requests with the key must have reached the service that loses it. */
const MIN_SERVED = 3
/** An override that was reached within this time is not unreached, even if some requests lose the key. */
const REACHED_FOR_MS = 120_000

/** The overrides that are not reached, by the id of their branch. */
export class Verdicts {
  readonly #observer: Observer
  #found = new Map<string, ReadonlyMap<string, Found>>()

  constructor(observer: Observer) {
    this.#observer = observer
  }

  /** What a former process found. It stands until its override is reached. */
  restore(id: string, findings: readonly Finding[], nowMs: number): void {
    if (this.#found.has(id) || findings.length === 0) return
    this.#found.set(
      id,
      new Map(findings.map((it) => [it.override, { finding: it, atMs: nowMs, isRestored: true }])),
    )
  }

  /** The number of findings. */
  get size(): number {
    return [...this.#found.values()].reduce((sum, { size }) => sum + size, 0)
  }

  of(id: string): Finding[] {
    return [...(this.#found.get(id)?.values() ?? [])].map(({ finding }) => finding)
  }

  /** Judges all branches. Returns the ids of those whose findings changed. */
  update(branches: Iterable<Branch>, nowMs: number): string[] {
    const losing = this.#observer.calls.losing()
    const before = this.#found
    const after = new Map<string, ReadonlyMap<string, Found>>()
    for (const branch of branches) {
      const known = before.get(branch.id)
      const found = new Map<string, Found>()
      for (const override of branch.overrides) {
        const kept = this.#kept(branch, known?.get(override)) ?? this.#judge(branch, override, losing, nowMs)
        if (kept !== undefined) found.set(override, kept)
      }
      if (found.size > 0) after.set(branch.id, found)
    }
    this.#found = after
    const ids = new Set([...before.keys(), ...after.keys()])
    return [...ids].filter((id) => !isSame(before.get(id), after.get(id)))
  }

  #kept({ key }: Branch, found: Found | undefined): Found | undefined {
    if (found === undefined) return undefined
    const { environment, override, by, called } = found.finding
    const call = this.#observer.calls.get(`${environment}/${by}`, called)
    const isReached = this.#observer.reachedAtMs(key, override) > found.atMs
    const isForwarded = (call?.keyedAtMs ?? -Infinity) > found.atMs
    // Later samples may show that it was chance.
    const isDoubtful = !found.isRestored && call?.evidence.isSufficient !== true
    return isReached || isForwarded || isDoubtful ? undefined : found
  }

  #judge(
    { key, chain }: Branch,
    override: string,
    losing: ReturnType<Observer['calls']['losing']>,
    nowMs: number,
  ): Found | undefined {
    if (nowMs - this.#observer.reachedAtMs(key, override) < REACHED_FOR_MS) return undefined
    const call = losing.find(
      ({ environment, caller, callee }) =>
        chain.includes(environment) &&
        this.#observer.served(key, caller) >= MIN_SERVED &&
        this.#observer.calls.leads(callee, override),
    )
    if (call === undefined) return undefined
    const { environment, callerService: by, callee: called } = call
    return { finding: { override, environment, by, called }, atMs: nowMs, isRestored: false }
  }
}

const isSame = (
  one: ReadonlyMap<string, Found> | undefined,
  other: ReadonlyMap<string, Found> | undefined,
): boolean =>
  one?.size === other?.size &&
  [...(one ?? [])].every(([override, { finding }]) => {
    const same = other?.get(override)?.finding
    return same !== undefined && sentenceOf(same, '') === sentenceOf(finding, '')
  })

/** A hop of an explained request, and the pod that reported it. */
export interface ReportedHop {
  readonly pod: Pod
  readonly hop: Hop
}

/** What is known about one request in addition to its hops. */
export interface Notes {
  readonly missed: Missed[]
  readonly tcp: TcpHop[]
}

/** The overrides that a request did not reach, with the service that lost its key, and the TCP connections on its path. */
export function notesOf(
  hops: readonly ReportedHop[],
  branchOf: (key: string) => Branch | undefined,
  observer: Observer,
): Notes {
  const key = hops.find(({ hop }) => hop.key !== undefined)?.hop.key
  const branch = key === undefined ? undefined : branchOf(key)
  const reached = new Set(hops.flatMap(({ hop }) => (hop.key === key ? [hop.service] : [])))
  const served = hops.filter(({ hop }) => hop.key === key && hop.environment === hop.at)
  const lost = served.flatMap(({ pod, hop }) =>
    observer
      .calledWithoutKey(pod.id, hop.startMs, hop.ms)
      .filter((called) => !reached.has(called))
      .map((called) => ({ by: hop.service, called })),
  )
  const unreached = branch?.overrides.filter((override) => !reached.has(override)) ?? []
  const missed = unreached.map((override): Missed => {
    const loss = lost.find(({ called }) => observer.calls.leads(called, override))
    return loss === undefined ? { override } : { override, by: loss.by, called: loss.called }
  })
  const pods = new Map(served.map(({ pod }) => [callerOf(pod), pod]))
  return { missed, tcp: [...pods.values()].flatMap((pod) => observer.tcpFrom(pod)) }
}

/** The page that says what services must forward. */
const PROPAGATION_PAGE = 'docs/propagation.md'

/** A finding as a sentence, which {@link findingIn} reads again. */
export function sentenceOf({ override, environment, by, called }: Finding, key: string): string {
  return (
    `${override} was not reached with the key ${key}: ${by} (${environment}) received requests with the key and called ` +
    `${called} without it; let ${by} forward tracestate, baggage or a trace id, see ${PROPAGATION_PAGE}`
  )
}

const NAME = '[a-z0-9.-]+'
const SENTENCE = new RegExp(
  `(${NAME}) was not reached with the key ${NAME}: (${NAME}) \\((${NAME})\\) received requests with the key and called (${NAME}) without it`,
  'g',
)

/** The findings in the message of a condition. */
export const findingsIn = (message: string): Finding[] =>
  [...message.matchAll(SENTENCE)].map(([, override = '', by = '', environment = '', called = '']) => ({
    override,
    environment,
    by,
    called,
  }))
