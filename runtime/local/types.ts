/** How much a problem weighs: `error` leaves an object out, `warning` runs it without the field it names. */
export type Severity = 'error' | 'warning'

/** Something that is wrong, or that the embedded cluster does not do: one sentence, and where it is. */
export interface Problem {
  readonly severity: Severity
  /** The manifest's path, relative to the folder; absent for what no file holds. */
  readonly file?: string
  /** The line in the file, from 1. */
  readonly line?: number
  /** The object, e.g. `Deployment alice/api`. */
  readonly object?: string
  /** The field's path, e.g. `spec.template.spec.hostNetwork`. */
  readonly field?: string
  /** The sentence; it names the field too. */
  readonly message: string
}

/** A line that a container wrote to standard output or standard error. */
export interface LogLine {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly text: string
}

/** A problem as one line: `shop/api.yaml:12: Deployment alice/api: spec.replicas is "three": wanted a number`. */
export function describeProblem(problem: Problem): string {
  const place =
    problem.file === undefined ? undefined : [problem.file, problem.line].filter(Boolean).join(':')
  return [place, problem.object, problem.message].filter((part) => part !== undefined).join(': ')
}
