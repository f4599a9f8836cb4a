import { describeProblem, type Problem } from '@branchline/runtime/local/types'
import type { EnvironmentView, UpOptions } from './platform.ts'

/** The overrides that requests do not reach, as problems. */
export const unreachedProblems = (environments: readonly EnvironmentView[]): Problem[] =>
  environments.flatMap(({ name, unreached: message }) =>
    message === undefined ? [] : [{ severity: 'warning' as const, object: `Environment ${name}`, message }],
  )

/** Reports these problems, and their ends, once each. */
export class Unreached {
  #reported = new Map<string, Problem>()

  update(environments: readonly EnvironmentView[], { onEvent }: Pick<UpOptions, 'onEvent'>): void {
    const before = this.#reported
    const problems = unreachedProblems(environments)
    this.#reported = new Map(problems.map((problem) => [describeProblem(problem), problem]))
    for (const [text, problem] of this.#reported)
      if (!before.has(text)) onEvent?.({ type: 'problem', problem })
    for (const [text, problem] of before)
      if (!this.#reported.has(text)) onEvent?.({ type: 'solved', problem })
  }
}
