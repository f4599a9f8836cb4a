import type { Environment } from '@branchline/wire/resources/environment'
import type { Preview } from '@branchline/wire/resources/preview'
import type { ServiceFacts, SliceFacts } from './objects.ts'
import type { PodFacts } from './pod.ts'

/** `namespace/name`. */
export const nameId = (namespace: string, name: string): string => `${namespace}/${name}`

/** An Environment or Preview that could not be parsed. It only gets a condition. */
export interface Unreadable {
  readonly kind: 'Environment' | 'Preview'
  readonly namespace: string
  readonly name: string
  readonly generation: number | undefined
  readonly message: string
}

/** All input of a plan. Keys are {@link nameId}s. */
export interface Snapshot {
  readonly environments: ReadonlyMap<string, Environment>
  readonly previews: ReadonlyMap<string, Preview>
  readonly unreadable: ReadonlyMap<string, Unreadable>
  readonly services: ReadonlyMap<string, ServiceFacts>
  /** By the Service's id, then by the slice's name. */
  readonly slices: ReadonlyMap<string, ReadonlyMap<string, SliceFacts>>
  readonly pods: ReadonlyMap<string, PodFacts>
  /** Why a Service (its id) has no ready endpoint, by the state of its pods: words that follow its name. */
  troubleOf(id: string): string | undefined
  /** Ids of the environments that have expired. */
  readonly expired: ReadonlySet<string>
  /** Namespaces that are being deleted, in which environments or previews may still exist. */
  readonly terminating: ReadonlySet<string>
}

/** What changed since the last plan, so that the next one has to plan only that. */
export interface Changes {
  /** Whether environments or previews changed, or which of them have expired or are being deleted. */
  resources: boolean
  /** Ids of Services that changed, or whose slices did. */
  readonly services: Set<string>
  /** Ids of pods. */
  readonly pods: Set<string>
}

export const noChanges = (): Changes => ({ resources: false, services: new Set(), pods: new Set() })

/** All existing objects as changes, for the first plan. */
export const allChanges = (snapshot: Snapshot): Changes => ({
  resources: true,
  services: new Set([...snapshot.services.keys(), ...snapshot.slices.keys()]),
  pods: new Set(snapshot.pods.keys()),
})
