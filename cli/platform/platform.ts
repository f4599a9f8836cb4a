import type { Method, OutsideHost } from '@branchline/runtime/local/network/network'
import type { LogLine, Problem } from '@branchline/runtime/local/types'
import type { LocalState } from '@branchline/wire/local-api'

/** Options of `up`. */
export interface UpOptions {
  /** The folder of manifests, read recursively and watched. */
  readonly folder: string
  /** The port of preview URLs on 127.0.0.1. 0 lets the system choose. Default: 8080. */
  readonly port?: number
  /** The domain of preview URLs. Default: `localhost`. */
  readonly domain?: string
  /** How pods are connected. Default: network namespaces where the system allows them, otherwise loopback. */
  readonly network?: Method | undefined
  /** Hosts outside that pods may call by name, in network namespaces. */
  readonly egress?: readonly OutsideHost[]
  /** Whether pods find names by files and DNS, if the system allows it. Default: true. */
  readonly hosts?: boolean
  /** How many managers run. With several, previews survive the death of one. Default: 1. */
  readonly managers?: number
  /** How long pods may take to end when the platform stops, in milliseconds. Default: 3,000. */
  readonly stopTimeoutMs?: number
  /** Ends the start and every wait. {@link up} then rejects with its reason, once nothing runs any longer. */
  readonly signal?: AbortSignal
  /** Called for every event. */
  readonly onEvent?: (event: PlatformEvent) => void
}

/** An event of a running platform. */
export type PlatformEvent =
  /** A sentence about this run that users should read once. */
  | { readonly type: 'notice'; readonly text: string }
  /** A manifest or a pod has a problem. Each problem is reported once, as one sentence. */
  | { readonly type: 'problem'; readonly problem: Problem }
  /** A problem that was reported is solved. */
  | { readonly type: 'solved'; readonly problem: Problem }
  /** A preview became ready or not ready, or its URL or the reason changed. */
  | { readonly type: 'preview'; readonly preview: PreviewView }
  /** The same of an environment. */
  | { readonly type: 'environment'; readonly environment: EnvironmentView }
  /** {@link Platform.environments} or {@link Platform.state} changed. */
  | { readonly type: 'changed' }
  /** A line that a container wrote. */
  | { readonly type: 'log'; readonly line: LogLine }

/**
 * One Preview, by its status. It becomes ready for the first time only when no pod of its environment or of an
 * environment above is starting, so that its first response is complete.
 */
export interface PreviewView {
  readonly environment: string
  readonly name: string
  readonly url?: string
  readonly ready: boolean
  /** Why the preview is not ready, or the message of its Ready condition. */
  readonly message?: string
}

/** One Environment, by its status. It is ready only if all its pods are. */
export interface EnvironmentView {
  readonly name: string
  readonly namespace: string
  readonly type: string
  readonly base?: string
  readonly overrides: readonly string[]
  readonly ready: boolean
  /** Whether its base serves its requests, because somebody paused it. */
  readonly isPaused?: true
  readonly message?: string
  readonly previews: readonly PreviewView[]
  /** Why requests do not reach an override: a service on their path loses the key. */
  readonly unreached?: string
  /** Milliseconds from reading the manifest until the environment was first ready with all its previews. */
  readonly readyAfterMs?: number
}

/** A running platform: the embedded cluster with the manager, the relay and the folder's objects. */
export interface Platform {
  /** The port of preview URLs on 127.0.0.1. */
  readonly port: number
  /** The run's folder, with the pods' logs and volumes. {@link stop} removes it. */
  readonly runFolder: string
  /** Returns pods and their processes, as `GET /v1/state` of the embedded cluster's API does. */
  state(): LocalState
  environments(): EnvironmentView[]
  /** Returns the current problems. */
  problems(): readonly Problem[]
  /** Returns a preview's URL, such as `http://web--alice.localhost:8080`, if its status has one. */
  previewUrl(environment: string, preview: string): string | undefined
  /** Resolves with the URL when the preview is ready. After the timeout, or a stop, it rejects with the reason. */
  waitForPreview(environment: string, preview: string, timeoutMs: number): Promise<string>
  /** The URL of the page that lists everything. */
  readonly indexUrl: string
  /** Returns the last lines that the containers of a pod wrote. */
  logs(namespace: string, pod: string): readonly LogLine[]
  /** Forwards a port of 127.0.0.1, which this returns, to a port of a pod. */
  forward(namespace: string, pod: string, port: number): Promise<number>
  /** Ends every process and removes every file. Resolves when none remains. */
  stop(): Promise<void>
}
