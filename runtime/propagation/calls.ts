import { Evidence } from './evidence.ts'

/** How one service calls another. */
export interface Call {
  /** `environment/service` of the caller. */
  readonly caller: string
  readonly callerService: string
  readonly environment: string
  readonly callee: string
  /** When the newest call with a key, and the newest of all, was reported. */
  keyedAtMs: number
  seenAtMs: number
  readonly evidence: Evidence
}

const MAX_CALLS = 5_000
/** Calls that were not seen for this long are forgotten. */
const FORGET_AFTER_MS = 3_600_000

/** The calls between services. If there are too many, the one that was not seen for the longest time is forgotten. */
export class Calls {
  readonly #calls = new Map<string, Map<string, Call>>()
  #size = 0
  /** By service: the services to which calls lead from it. Empty after a change. */
  readonly #leading = new Map<string, ReadonlySet<string>>()

  /** The calls of a caller. */
  from(caller: string): Iterable<Call> {
    return this.#calls.get(caller)?.values() ?? []
  }

  get(caller: string, callee: string): Call | undefined {
    return this.#calls.get(caller)?.get(callee)
  }

  /** The call, which was just seen. */
  seen(by: Pick<Call, 'caller' | 'callerService' | 'environment'>, callee: string, nowMs: number): Call {
    const known = this.get(by.caller, callee)
    if (known !== undefined) {
      known.seenAtMs = nowMs
      return known
    }
    if (this.#size >= MAX_CALLS) this.#forget(nowMs)
    const call: Call = { ...by, callee, keyedAtMs: -Infinity, seenAtMs: nowMs, evidence: new Evidence() }
    const callees = this.#calls.get(by.caller)
    if (callees === undefined) this.#calls.set(by.caller, new Map([[callee, call]]))
    else callees.set(callee, call)
    this.#size++
    this.#leading.clear()
    return call
  }

  /** The calls whose callers lose the key. */
  losing(): Call[] {
    return this.#all().filter(({ evidence }) => evidence.isSufficient)
  }

  /** Whether calls lead from a service to another, whatever their keys are. */
  leads(from: string, to: string): boolean {
    const known = this.#leading.get(from) ?? this.#leadingFrom(from)
    this.#leading.set(from, known)
    return known.has(to)
  }

  #leadingFrom(service: string): ReadonlySet<string> {
    const callees = Map.groupBy(this.#all(), ({ callerService }) => callerService)
    const found = new Set([service])
    // A set that grows while it is iterated is iterated to its end.
    for (const one of found) for (const { callee } of callees.get(one) ?? []) found.add(callee)
    return found
  }

  #all(): Call[] {
    return [...this.#calls.values()].flatMap((callees) => Array.from(callees.values()))
  }

  #forget(nowMs: number): void {
    const all = this.#all().toSorted((one, other) => one.seenAtMs - other.seenAtMs)
    this.#leading.clear()
    const old = all.filter(({ seenAtMs }) => nowMs - seenAtMs > FORGET_AFTER_MS)
    for (const { caller, callee } of old.length > 0 ? old : all.slice(0, MAX_CALLS / 10)) {
      const callees = this.#calls.get(caller)
      if (callees?.delete(callee) !== true) continue
      this.#size--
      if (callees.size === 0) this.#calls.delete(caller)
    }
  }
}
