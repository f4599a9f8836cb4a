import type { KubernetesObject } from '@branchline/wire/kubernetes'
import type { LocalEvent, LocalKind, LocalPatch } from '@branchline/wire/local-api'

/** A container of a pod. */
export interface ContainerName {
  readonly namespace: string
  readonly pod: string
  readonly container: string
}

export interface LogOptions {
  /** Whether to wait for further lines until the pod is gone. */
  readonly follow: boolean
  /** The number of lines before those that follow. Default: all that are kept. */
  readonly tail?: number
}

/** What a command talks to: a running `branchline up`, or a cluster. All calls reject with an error to show. */
export interface Target {
  readonly type: 'up' | 'cluster'
  /** How messages name it, such as `up of ./shop (port 8080)` or `context kind-dev`. */
  readonly name: string
  /** Objects of a kind: of one namespace, or of all. */
  list(kind: LocalKind, namespace?: string): Promise<KubernetesObject[]>
  /**
   * Reports an ADDED for each existing object of the kinds, one SYNCED, then every change until the signal aborts.
   * Connects again after an interruption.
   */
  watch(
    kinds: readonly LocalKind[],
    namespace: string | undefined,
    onEvent: (event: LocalEvent) => void,
    signal: AbortSignal,
  ): Promise<void>
  /** Reports the lines of a container. Resolves at the end of its output, or when the signal aborts. */
  log(
    container: ContainerName,
    options: LogOptions,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void>
  /** Changes an object by a JSON Merge Patch, or deletes it with `patch: null`. */
  patch(patch: LocalPatch): Promise<void>
  /** Problems that no object's status shows, one line each. */
  problems(): Promise<string[]>
  /** The version of the API server, such as `v1.33.1`. Undefined for `up`. */
  serverVersion(): Promise<string | undefined>
}
