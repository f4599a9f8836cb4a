import { isDeepStrictEqual } from 'node:util'
import type { Target } from '@branchline/wire/routes/messages'
import { nameId } from '../store/snapshot.ts'
import type { Node } from './forest.ts'
import { endpointsFor, type Presence } from './service.ts'

/** The target of each port of each Service. Equal targets are the same object, so that identity suffices to compare. */
export class Targets {
  readonly #targets = new Map<string, Map<number, Target>>()

  /** The current target if a new one would equal it, otherwise a new one. */
  of(node: Node, service: string, port: number, presence: Presence | undefined): Target {
    const { name: environment, namespace, onUnavailable } = node
    const { endpoints, weights } = endpointsFor(node, presence)
    const id = nameId(namespace, service)
    const ports = this.#targets.get(id) ?? new Map<number, Target>()
    const before = ports.get(port)
    const same =
      before?.environment === environment &&
      before.onUnavailable === onUnavailable &&
      before.trouble === presence?.trouble &&
      before.endpoints.length === endpoints.length &&
      before.endpoints.every((endpoint, index) => endpoint === endpoints[index]) &&
      (before.weights === weights || isDeepStrictEqual(before.weights, weights))
    if (same) return before
    const target: Target = { environment, endpoints: [...endpoints], onUnavailable }
    if (weights !== undefined) target.weights = { ...weights }
    if (presence?.trouble !== undefined) target.trouble = presence.trouble
    this.#targets.set(id, ports.set(port, target))
    return target
  }

  /** Forgets the targets of a Service. */
  forget(id: string): void {
    this.#targets.delete(id)
  }
}
