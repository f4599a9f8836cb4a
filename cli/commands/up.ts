import type { LogLine, Problem } from '@branchline/runtime/local/types'
import type { LocalState } from '@branchline/wire/local-api'
import { RunningPlatform } from '../platform/running.ts'

/** What `up` is asked for. */
export interface UpOptions {
  /** The folder of manifests, read recursively and watched. */
  readonly folder: string
  /** The port of 127.0.0.1 at which previews answer; 0 lets the system choose. Default: 8080. */
  readonly port?: number
  /** The domain of preview hosts. Default: `localhost`. */
  readonly domain?: string
  /** Whether pods get a private /etc/hosts, where the system allows it. Default: true. */
  readonly hosts?: boolean
  /** How many managers run; several show that previews outlive one. Default: 1. */
  readonly managers?: number
  /** How long pods may take to end once the platform is stopped, in milliseconds. Default: 3,000. */
  readonly stopTimeoutMs?: number
  /** Called for everything that a person or a test may wait for. */
  readonly onEvent?: (event: PlatformEvent) => void
}

/** What happens on a running platform. */
export type PlatformEvent =
  /** Something in a manifest or a pod is wrong or not supported: one sentence, said once. */
  | { readonly type: 'problem'; readonly problem: Problem }
  /** A preview became ready or ceased to be so, or its URL changed. */
  | { readonly type: 'preview'; readonly preview: PreviewView }
  /** Anything of {@link Platform.environments} or {@link Platform.state} changed. */
  | { readonly type: 'changed' }
  /** A line that a container wrote. */
  | { readonly type: 'log'; readonly line: LogLine }

/**
 * One Preview, as its status tells; but it is ready for the first time only once no pod of its environment or
 * of one above is still starting, so that its first answer is a whole one.
 */
export interface PreviewView {
  readonly environment: string
  readonly name: string
  readonly url?: string
  readonly ready: boolean
  /** Why it is not ready, or what the manager says. */
  readonly message?: string
}

/** One Environment, as its status tells. */
export interface EnvironmentView {
  readonly name: string
  readonly namespace: string
  readonly type: string
  readonly base?: string
  readonly overrides: readonly string[]
  readonly ready: boolean
  readonly message?: string
  readonly previews: readonly PreviewView[]
  /** From the moment its manifest was read until it was first ready with all of its previews. */
  readonly readyAfterMs?: number
}

/** A running platform: the embedded cluster with manager, relay and what the folder holds. */
export interface Platform {
  /** The port of 127.0.0.1 at which previews answer. */
  readonly port: number
  /** The run's folder (pods' logs and volumes); gone after {@link stop}. */
  readonly runFolder: string
  /** Pods and their processes, as `GET /v1/state` of the embedded cluster's API has them. */
  state(): LocalState
  environments(): EnvironmentView[]
  /** What is wrong or not supported at this moment. */
  problems(): readonly Problem[]
  /** A preview's URL, e.g. `http://web--alice.localhost:8080`, once its status has one. */
  previewUrl(environment: string, preview: string): string | undefined
  /** Resolves with the URL once the preview is ready; rejects, saying why it is not, after the timeout. */
  waitForPreview(environment: string, preview: string, timeoutMs: number): Promise<string>
  /** The last lines that the containers of a pod wrote. */
  logs(namespace: string, pod: string): readonly LogLine[]
  /** Ends every process and removes every file. Resolves once nothing is left. */
  stop(): Promise<void>
}

/** How long the relay may take to come up, in milliseconds. */
const START_TIMEOUT_MS = 30_000

/**
 * Starts the platform for a folder of manifests; resolves once the relay takes visitors. Rejects where the
 * port is taken, the folder cannot be read, or the platform itself does not come up.
 */
export async function up(options: UpOptions): Promise<Platform> {
  const running = await RunningPlatform.start(options)
  try {
    await running.waitForRelay(START_TIMEOUT_MS)
    return running
  } catch (error) {
    await running.stop()
    throw error
  }
}
