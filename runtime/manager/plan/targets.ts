import { isDeepStrictEqual } from 'node:util'
import type { Target } from '@branchline/wire/routes/messages'
import { nameId } from '../store/snapshot.ts'
import type { Node } from './forest.ts'
import { endpointsFor, type Presence } from './service.ts'

/** What leads to each port of each Service. The same says the same: what is identical need not be compared. */
export class Targets {
  readonly #targets = new Map<string, Map<number, Target>>()

  /** The target at hand where a new one would say the same. */
  of(node: Node, service: string, port: number, presence: Presence | undefined): Target {
    const { name: environment, namespace, onUnavailable } = node
    const { endpoints, weights } = endpointsFor(node, presence)
    const id = nameId(namespace, service)
    const ports = this.#targets.get(id) ?? new Map<number, Target>()
    const before = ports.get(port)
    const same =
      before?.environment === environment &&
      before.onUnavailable === onUnavailable &&
      before.endpoints.length === endpoints.length &&
      before.endpoints.every((endpoint, index) => endpoint === endpoints[index]) &&
      (before.weights === weights || isDeepStrictEqual(before.weights, weights))
    if (same) return before
    const target: Target = { environment, endpoints: [...endpoints], onUnavailable }
    if (weights !== undefined) target.weights = { ...weights }
    this.#targets.set(id, ports.set(port, target))
    return target
  }

  /** Forgets those of a Service. */
  forget(id: string): void {
    this.#targets.delete(id)
  }
}
