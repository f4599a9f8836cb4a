import type { KubernetesObject } from '@branchline/wire/kubernetes'
import type { LocalEvent, LocalStatus } from '@branchline/wire/local-api'

/** What happens to the objects of a cluster, in order; SYNCED once all that is there has been told. */
export type SourceEvent = LocalEvent

/** An object's new status, whole. */
export type StatusWrite = LocalStatus

/** An Environment to be deleted, as it was last seen: not one that was changed or made anew meanwhile. */
export interface Removal {
  readonly namespace: string
  readonly name: string
  readonly uid: string | undefined
  readonly resourceVersion: string | undefined
}

/** The pod whose token it is. */
export interface PodIdentity {
  readonly namespace: string
  readonly pod: string
  /** Of the very pod, where the source has uids: another one of its name has another. */
  readonly uid?: string
}

/**
 * Where the manager sees its cluster. Implementations reconnect by themselves for ever, with a backoff, and
 * tell after a reconnection what they missed: as events, ended by another SYNCED.
 */
export interface Source {
  /** Begins to watch. Events come in order, never within this call. */
  start(handler: (event: SourceEvent) => void): void
  stop(): Promise<void>
  /** Replaces the status of an object. Rejects with a KubernetesError, whose `retryable` says whether to retry. */
  writeStatus(write: StatusWrite): Promise<void>
  /**
   * Deletes an Environment whose time has ended; resolves where it is gone already. Rejects as `writeStatus`
   * does, to be retried where it was changed meanwhile. A source without this deletes nothing.
   */
  remove?(removal: Removal): Promise<void>
  /** Whose token of our audience this is; undefined where it is nobody's. Rejects where nobody can tell. */
  reviewToken(token: string): Promise<PodIdentity | undefined>
}

/** The kinds that a source tells of. */
export const WATCHED_KINDS = [
  'Namespace',
  'Environment',
  'Preview',
  'Service',
  'EndpointSlice',
  'Pod',
] as const

/** A name for an object that no other object of any watched kind has. */
export const objectId = ({ kind, metadata }: Pick<KubernetesObject, 'kind' | 'metadata'>): string =>
  `${kind}/${metadata.namespace ?? ''}/${metadata.name}`
