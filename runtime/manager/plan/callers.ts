import { isDeepStrictEqual } from 'node:util'
import type { ChangeMemo } from '@branchline/wire/routes/delta'
import type { Forest, Node } from './forest.ts'
import type { PodIndex } from './pods.ts'

type ByAddress = Readonly<Record<string, string>>

/** The callers of an environment that has none. Always this object. */
export const NO_CALLERS: Record<string, string> = {}

/** The callers of the sidecars of each environment, by address. The same object until a caller changes. */
export class Callers {
  readonly #pods: PodIndex
  readonly #callers = new Map<string, Record<string, string>>()

  constructor(pods: PodIndex) {
    this.#pods = pods
  }

  of({ name }: Node): Record<string, string> {
    return this.#callers.get(name) ?? NO_CALLERS
  }

  /**
   * Updates environments, given by name, after a change at some addresses (undefined: at any address). Returns the
   * environments whose callers changed, and records the differences in `known`.
   */
  update(
    changes: ReadonlyMap<string, ReadonlySet<string> | undefined>,
    forest: Forest,
    known: ChangeMemo,
  ): Node[] {
    const changed: Node[] = []
    for (const [name, addresses] of changes) {
      const node = forest.byName.get(name)
      if (node === undefined) {
        this.#callers.delete(name)
        continue
      }
      const before = this.#callers.get(name)
      const after =
        addresses === undefined || before === undefined
          ? this.#rebuilt(node, before)
          : this.#patched(node, addresses, before, forest, known)
      if (after === before) continue
      this.#callers.set(name, after)
      changed.push(node)
    }
    return changed
  }

  #rebuilt(node: Node, before: Record<string, string> | undefined): Record<string, string> {
    const callers = this.#pods.callersOf(node)
    return before !== undefined && isDeepStrictEqual(callers, before) ? before : callers
  }

  #patched(
    node: Node,
    addresses: ReadonlySet<string>,
    before: Record<string, string>,
    forest: Forest,
    known: ChangeMemo,
  ): Record<string, string> {
    const changes: Record<string, string | null> = {}
    for (const address of addresses) {
      const caller = this.#pods.callerAt(node, address, forest)
      if (caller !== own(before, address)) changes[address] = caller ?? null
    }
    if (Object.keys(changes).length === 0) return before
    const after = { ...before }
    for (const [address, caller] of Object.entries(changes)) {
      if (caller === null) delete after[address]
      else after[address] = caller
    }
    known.set(before, new Map([[after, changes]]))
    return after
  }
}

const own = (record: ByAddress, address: string): string | undefined =>
  Object.hasOwn(record, address) ? record[address] : undefined
