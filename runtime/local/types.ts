/** The severity of a problem: after an `error` the object is ignored, after a `warning` it runs without the field. */
type Severity = 'error' | 'warning'

/** A fault, or something that the embedded cluster does not support: one sentence, and its location. */
export interface Problem {
  readonly severity: Severity
  /** The manifest's path, relative to the folder. Absent if it concerns no file. */
  readonly file?: string
  /** The line in the file, from 1. */
  readonly line?: number
  /** The object, such as `Deployment alice/api`. */
  readonly object?: string
  /** The field's path, such as `spec.template.spec.hostNetwork`. */
  readonly field?: string
  /** The sentence, which also names the field. */
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
