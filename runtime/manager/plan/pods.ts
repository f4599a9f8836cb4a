import type { PodFacts } from '../store/pod.ts'
import type { Forest, Node } from './forest.ts'

/** What a changed pod may affect: addresses, and the namespaces of the pods that claim them. */
export interface Concerned {
  readonly addresses: readonly string[]
  readonly namespaces: ReadonlySet<string>
}

/** An index of pods by namespace and address, to find what depends on a changed pod. */
export class PodIndex {
  readonly #pods = new Map<string, PodFacts>()
  readonly #byNamespace = new Map<string, Set<string>>()
  readonly #byAddress = new Map<string, Set<string>>()

  /** Stores a pod, or removes it (undefined). */
  set(id: string, pod: PodFacts | undefined): Concerned {
    const before = this.#pods.get(id)
    const lost = before?.addresses ?? NO_ADDRESSES
    const held = pod?.addresses ?? NO_ADDRESSES
    const addresses = [...lost, ...held]
    const concerned = new Set(addresses.flatMap((address) => [...this.#claimants(address)]))
    for (const address of lost) remove(this.#byAddress, address, id)
    if (pod === undefined) {
      this.#pods.delete(id)
      if (before !== undefined) remove(this.#byNamespace, before.namespace, id)
    } else {
      this.#pods.set(id, pod)
      add(this.#byNamespace, pod.namespace, id)
      for (const address of held) add(this.#byAddress, address, id)
    }
    if (isSame(lost, held) && before?.createdAt === pod?.createdAt) return NOTHING
    const namespaces = [...concerned].map((claimant) => this.#pods.get(claimant)?.namespace)
    return {
      addresses,
      namespaces: new Set(
        [...namespaces, before?.namespace, pod?.namespace].filter((name) => name !== undefined),
      ),
    }
  }

  get(id: string): PodFacts | undefined {
    return this.#pods.get(id)
  }

  /** The ids of the pods in a namespace. */
  inNamespace(namespace: string): ReadonlySet<string> {
    return this.#byNamespace.get(namespace) ?? NONE
  }

  /**
   * The addresses of the pods of a branch and of all branches below it, each with its branch's key. An address that
   * two pods claim belongs to the newer pod. The older pod has lost it, but its object is not up to date yet.
   */
  callersOf(node: Node): Record<string, string> {
    const callers: Record<string, string> = {}
    for (const branch of [node, ...node.below]) {
      if (branch.type !== 'branch') continue
      for (const id of this.inNamespace(branch.namespace)) {
        for (const address of this.#pods.get(id)?.addresses ?? NO_ADDRESSES) {
          if (this.holder(address) === id) callers[address] = branch.key
        }
      }
    }
    return callers
  }

  /** The addresses of the pods of a namespace. */
  addressesIn(namespace: string): string[] {
    return [...this.inNamespace(namespace)].flatMap((id) => this.#pods.get(id)?.addresses ?? NO_ADDRESSES)
  }

  /** The key that {@link callersOf} returns for an address. Undefined if it returns none. */
  callerAt(node: Node, address: string, forest: Forest): string | undefined {
    const namespace = this.#pods.get(this.holder(address) ?? '')?.namespace
    const branch = namespace === undefined ? undefined : forest.byNamespace.get(namespace)
    if (branch?.type !== 'branch') return undefined
    return branch === node || branch.above.includes(node) ? branch.key : undefined
  }

  #claimants(address: string): ReadonlySet<string> {
    return this.#byAddress.get(address) ?? NONE
  }

  /** The pod with an address: the newest one that claims it. */
  holder(address: string): string | undefined {
    const claimants = this.#claimants(address)
    if (claimants.size <= 1) return claimants.values().next().value
    const age = (id: string): string => `${this.#pods.get(id)?.createdAt} ${id}`
    return [...claimants].reduce((one, two) => (age(one) > age(two) ? one : two))
  }
}

const NO_ADDRESSES: readonly string[] = []
const NONE: ReadonlySet<string> = new Set()
const NOTHING: Concerned = { addresses: [], namespaces: NONE }

const isSame = (one: readonly string[], two: readonly string[]): boolean =>
  one.length === two.length && one.every((address, index) => address === two[index])

function add(index: Map<string, Set<string>>, key: string, id: string): void {
  const ids = index.get(key)
  if (ids === undefined) index.set(key, new Set([id]))
  else ids.add(id)
}

function remove(index: Map<string, Set<string>>, key: string, id: string): void {
  const ids = index.get(key)
  ids?.delete(id)
  if (ids?.size === 0) index.delete(key)
}
