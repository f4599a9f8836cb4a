import type { Hop } from '@branchline/wire/explain'

/** How long an answer may take, and how many traces may be asked for at one time. */
const ANSWER_TIMEOUT_MS = 2_000
const MAX_ASKED = 64

type Answer = (hops: readonly Hop[] | undefined) => void

/** Questions for the hops of traces that wait for the manager's answer. */
export class Asked {
  readonly #waiting = new Map<string, Set<Answer>>()

  /** Asks by `send`; resolves with undefined where too many ask, or no answer comes in time. */
  ask(trace: string, send: () => void): Promise<readonly Hop[] | undefined> {
    const answers = this.#waiting.get(trace) ?? new Set()
    if (answers.size === 0 && this.#waiting.size >= MAX_ASKED) return Promise.resolve(undefined)
    if (answers.size >= MAX_ASKED) return Promise.resolve(undefined)
    this.#waiting.set(trace, answers)
    return new Promise((resolve) => {
      const timer = setTimeout(() => answer(undefined), ANSWER_TIMEOUT_MS)
      const answer: Answer = (hops) => {
        clearTimeout(timer)
        answers.delete(answer)
        if (answers.size === 0) this.#waiting.delete(trace)
        resolve(hops)
      }
      answers.add(answer)
      send()
    })
  }

  answer(trace: string, hops: readonly Hop[]): void {
    for (const answer of this.#waiting.get(trace) ?? []) answer(hops)
  }
}
