import { idOf, nameOf } from './manifests/object.ts'
import type { Manifest } from './manifests/read.ts'
import { describeProblem, type Problem } from './types.ts'

/** The maximum problems of running pods to keep for each object. */
const MAX_PER_OBJECT = 20

/** The current problems. Each is reported once as long as it exists. */
export class Problems {
  readonly #onProblem: (problem: Problem) => void
  readonly #manifests = new Map<string, Manifest>()
  readonly #running = new Map<string, Map<string, Problem>>()
  #ofManifests = new Map<string, Problem>()

  constructor(onProblem: (problem: Problem) => void = () => undefined) {
    this.#onProblem = onProblem
  }

  /** Replaces the problems of manifests. `id` identifies the object if no file is given. */
  setManifests(manifests: readonly Manifest[], problems: readonly (Problem & { id?: string })[]): void {
    this.#manifests.clear()
    for (const manifest of manifests) this.#manifests.set(idOf(manifest.object), manifest)
    const before = this.#ofManifests
    this.#ofManifests = new Map()
    for (const { id, ...problem } of problems) {
      const placed = id === undefined ? problem : this.#placed(id, problem)
      this.#ofManifests.set(describeProblem(placed), placed)
    }
    for (const [text, problem] of this.#ofManifests) if (!before.has(text)) this.#onProblem(problem)
  }

  /** Reports a problem of the running pods of an object. */
  report(id: string, problem: Problem): void {
    const placed = this.#placed(id, problem)
    const known = this.#running.get(id) ?? new Map<string, Problem>()
    this.#running.set(id, known)
    const text = describeProblem(placed)
    if (known.has(text)) return
    if (known.size >= MAX_PER_OBJECT) known.delete(known.keys().next().value as string)
    known.set(text, placed)
    this.#onProblem(placed)
  }

  /** Removes the problems of an object that is gone. */
  forget(id: string): void {
    this.#running.delete(id)
  }

  list(): Problem[] {
    const problems = [...this.#ofManifests.values()]
    for (const known of this.#running.values()) problems.push(...known.values())
    return problems
  }

  #placed(id: string, problem: Problem): Problem {
    const manifest = this.#manifests.get(id)
    if (manifest === undefined) return { ...problem, object: id.replace('/', ' ') }
    const { object, file, line } = manifest
    return { file, line, object: nameOf(object), ...problem }
  }
}
