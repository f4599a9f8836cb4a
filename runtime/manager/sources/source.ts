import type { KubernetesObject } from '@branchline/wire/kubernetes'
import type { LocalEvent, LocalStatus } from '@branchline/wire/local-api'

/** A change of an object of the cluster, in order, or SYNCED once every existing object has been reported. */
export type SourceEvent = LocalEvent

/** An object's complete new status. */
export type StatusWrite = LocalStatus

/** An Environment to delete in its last seen state. One that was changed or created again meanwhile is not deleted. */
export interface Removal {
  readonly namespace: string
  readonly name: string
  readonly uid: string | undefined
  readonly resourceVersion: string | undefined
}

/** The pod to which a token belongs. */
export interface PodIdentity {
  readonly namespace: string
  readonly pod: string
  /** The pod's uid, if the source has uids. It distinguishes the pod from others of the same name. */
  readonly uid?: string
}

/**
 * The manager's view of its cluster. Implementations reconnect forever, with a backoff. After a reconnection they
 * report what they missed as events, followed by another SYNCED.
 */
export interface Source {
  /** Begins to watch. Events come in order, never within this call. */
  start(handler: (event: SourceEvent) => void): void
  stop(): Promise<void>
  /** Replaces the status of an object. Rejects with a KubernetesError, whose `retryable` says whether to retry. */
  writeStatus(write: StatusWrite): Promise<void>
  /**
   * Deletes an expired Environment. Resolves if it is already gone. Rejects like `writeStatus`, with a retryable
   * error if the Environment was changed meanwhile. A source without this method deletes nothing.
   */
  remove?(removal: Removal): Promise<void>
  /** The pod to which a token of our audience belongs. Undefined if it belongs to none. Rejects if the review fails. */
  reviewToken(token: string): Promise<PodIdentity | undefined>
}

/** The kinds that a source reports. */
export const WATCHED_KINDS = [
  'Namespace',
  'Environment',
  'Preview',
  'Service',
  'EndpointSlice',
  'Pod',
] as const

/** An id that is unique among the objects of all watched kinds. */
export const objectId = ({ kind, metadata }: Pick<KubernetesObject, 'kind' | 'metadata'>): string =>
  `${kind}/${metadata.namespace ?? ''}/${metadata.name}`
