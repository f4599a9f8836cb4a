import { idOf, nameOf } from './manifests/object.ts'
import type { Manifest } from './manifests/read.ts'
import { describeProblem, type Problem } from './types.ts'

/** The maximum problems of running pods to keep for each object. */
const MAX_PER_OBJECT = 20

/** Receives problems when they appear, and when they are solved. */
export interface ProblemListener {
  readonly onProblem?: ((problem: Problem) => void) | undefined
  readonly onSolved?: ((problem: Problem) => void) | undefined
}

interface RunningProblem {
  readonly problem: Problem
  /** Whether it is solved once the pods of the object are ready. */
  readonly passing: boolean
}

/** The current problems. Each is reported once as long as it exists, and once when it is solved. */
export class Problems {
  readonly #listener: ProblemListener
  readonly #manifests = new Map<string, Manifest>()
  readonly #running = new Map<string, Map<string, RunningProblem>>()
  #ofManifests = new Map<string, Problem>()

  constructor(listener: ProblemListener = {}) {
    this.#listener = listener
  }

  /** Replaces the problems of manifests. `id` identifies the object if no file is given. */
  setManifests(manifests: readonly Manifest[], problems: readonly (Problem & { id?: string })[]): void {
    this.#manifests.clear()
    for (const manifest of manifests) this.#manifests.set(idOf(manifest.object), manifest)
    const before = this.#ofManifests
    this.#ofManifests = new Map()
    for (const { id, ...problem } of problems) {
      const placed = id === undefined ? problem : this.#placed(id, problem)
      this.#ofManifests.set(keyOf(placed), placed)
    }
    for (const [key, problem] of this.#ofManifests) if (!before.has(key)) this.#listener.onProblem?.(problem)
    for (const [key, problem] of before) if (!this.#ofManifests.has(key)) this.#listener.onSolved?.(problem)
  }

  /** Reports a problem of the running pods of an object. A `passing` one is solved once the pods are ready. */
  report(id: string, problem: Problem, passing = false): void {
    const placed = this.#placed(id, problem)
    const known = this.#running.get(id) ?? new Map<string, RunningProblem>()
    this.#running.set(id, known)
    const key = keyOf(placed)
    if (known.has(key)) return
    if (known.size >= MAX_PER_OBJECT) known.delete(known.keys().next().value as string)
    known.set(key, { problem: placed, passing })
    this.#listener.onProblem?.(placed)
  }

  /** The pods of an object are ready: its passing problems are solved. */
  recovered(id: string): void {
    const known = this.#running.get(id)
    for (const [key, { problem, passing }] of known ?? []) {
      if (!passing) continue
      known?.delete(key)
      this.#listener.onSolved?.(problem)
    }
  }

  /** Removes the problems of an object that is gone. */
  forget(id: string): void {
    this.#running.delete(id)
  }

  list(): Problem[] {
    const problems = [...this.#ofManifests.values()]
    for (const known of this.#running.values())
      for (const { problem } of known.values()) problems.push(problem)
    return problems
  }

  #placed(id: string, problem: Problem): Problem {
    const manifest = this.#manifests.get(id)
    if (manifest === undefined) return { ...problem, object: id.replace('/', ' ') }
    const { object, file, line } = manifest
    return { file, line, object: nameOf(object), ...problem }
  }
}

/** A problem whose line moves is the same one. */
const keyOf = (problem: Problem): string => describeProblem({ ...problem, line: undefined })
