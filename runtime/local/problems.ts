import { idOf, nameOf } from './manifests/object.ts'
import type { Manifest } from './manifests/read.ts'
import { describeProblem, type Problem } from './types.ts'

/** How many problems of running pods are kept for each object. */
const MAX_PER_OBJECT = 20

/** What is wrong now, each sentence told once as long as it holds. */
export class Problems {
  readonly #tell: (problem: Problem) => void
  readonly #manifests = new Map<string, Manifest>()
  readonly #running = new Map<string, Map<string, Problem>>()
  #ofManifests = new Map<string, Problem>()

  constructor(tell: (problem: Problem) => void = () => undefined) {
    this.#tell = tell
  }

  /** Replaces what is wrong with the manifests; `id` says which one is meant where no file is given. */
  setManifests(manifests: readonly Manifest[], problems: readonly (Problem & { id?: string })[]): void {
    this.#manifests.clear()
    for (const manifest of manifests) this.#manifests.set(idOf(manifest.object), manifest)
    const before = this.#ofManifests
    this.#ofManifests = new Map()
    for (const { id, ...problem } of problems) {
      const placed = id === undefined ? problem : this.#placed(id, problem)
      this.#ofManifests.set(describeProblem(placed), placed)
    }
    for (const [text, problem] of this.#ofManifests) if (!before.has(text)) this.#tell(problem)
  }

  /** Something is wrong with what runs for an object. */
  say(id: string, problem: Problem): void {
    const placed = this.#placed(id, problem)
    const said = this.#running.get(id) ?? new Map<string, Problem>()
    this.#running.set(id, said)
    const text = describeProblem(placed)
    if (said.has(text)) return
    if (said.size >= MAX_PER_OBJECT) said.delete(said.keys().next().value as string)
    said.set(text, placed)
    this.#tell(placed)
  }

  /** The object is gone. */
  forget(id: string): void {
    this.#running.delete(id)
  }

  list(): Problem[] {
    const problems = [...this.#ofManifests.values()]
    for (const said of this.#running.values()) problems.push(...said.values())
    return problems
  }

  #placed(id: string, problem: Problem): Problem {
    const manifest = this.#manifests.get(id)
    if (manifest === undefined) return { ...problem, object: id.replace('/', ' ') }
    const { object, file, line } = manifest
    return { file, line, object: nameOf(object), ...problem }
  }
}
