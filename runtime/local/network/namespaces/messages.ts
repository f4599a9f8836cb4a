import type { Endpoint } from '../dial.ts'
import type { Zone } from '../dns/zone.ts'

/**
 * What the run tells its node. The node does it in order, and reports each with an `id` as done or failed. Both are of
 * one version, because one starts the other.
 */
export type Order =
  /** Make the network of a pod, or remove it. */
  | { readonly type: 'pod'; readonly id: number; readonly index: number }
  | { readonly type: 'no-pod'; readonly index: number }
  /** Listen on a port of the node for a Service, until `close`. */
  | {
      readonly type: 'listen'
      readonly id: number
      readonly host: string
      readonly port: number
      readonly owner: string
    }
  | { readonly type: 'close'; readonly listener: number }
  /** Where the connections of a listener, the `id` of its order, go from now on. */
  | { readonly type: 'endpoints'; readonly listener: number; readonly endpoints: readonly Endpoint[] }
  /** What has a name from now on, and the search domains of the pods by address. */
  | {
      readonly type: 'zone'
      readonly zone: Zone
      readonly searches: Readonly<Record<string, readonly string[]>>
    }

/** What the node reports. */
export type Report =
  | { readonly type: 'done'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly message: string }
  /** A pod has asked for a name that is neither in the cluster nor declared. */
  | { readonly type: 'unknown-name'; readonly name: string; readonly client: string }

/**
 * The file names of the doors in the run's folder: into the pods' network, out of it to the hosts that are declared, and
 * out of it for clients of the proxy, who may not reach this machine.
 */
export const DOORS = { in: 'pods.sock', out: 'out.sock', proxied: 'proxied.sock' } as const
