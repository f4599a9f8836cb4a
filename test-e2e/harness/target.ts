import type http from 'node:http'
import type { Visit } from './visit.ts'

/** A process of a pod that a story may end. */
export interface PodProcess {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly restarts: number
  readonly ready: boolean
  readonly running: boolean
  /** The process's id where it runs on this machine. */
  readonly pid?: number
}

/** A running platform, as stories know it: whatever is behind it. */
export interface Running {
  /** How long a change may take here, in milliseconds: pods of a cluster start slower than processes. */
  readonly changeTimeoutMs: number
  /** The URL of a preview, once it is ready. Rejects with what is known after the timeout. */
  previewUrl(environment: string, preview: string, timeoutMs: number): Promise<string>
  /** The services that an environment runs itself, by its status. */
  overrides(environment: string): Promise<readonly string[]>
  /** What an environment's status says where it is not ready. */
  message(environment: string): Promise<string | undefined>
  /** One sentence for each thing that is wrong at this moment, with file and field. */
  problems(): Promise<readonly string[]>
  /** All containers of all pods. */
  processes(): Promise<readonly PodProcess[]>
  /** Ends a container's process at once, as a crash would. */
  kill(process: PodProcess): Promise<void>
  /** A GET from inside the cluster to a service's pod, the relay left out: what another pod would send. */
  inside(
    environment: string,
    service: string,
    path: string,
    headers: http.OutgoingHttpHeaders,
  ): Promise<Visit>
  /** The address of a service's sidecar, `http://IP:PORT`, where this machine reaches pods. */
  sidecarUrl?(environment: string, service: string): string
  /** What to look at when a story fails: pods, and the last lines of each. */
  describe(): Promise<string>
  /** Ends the platform; resolves once nothing of it is left. */
  stop(): Promise<void>
  /** What must be gone after {@link stop}. */
  traces(): Traces
}

/** What a platform has on this machine: ports of 127.0.0.1, process ids and folders. */
export interface Traces {
  readonly ports: readonly number[]
  readonly pids: readonly number[]
  readonly folders: readonly string[]
}

/** A place where the platform runs. The folder of manifests is watched from then on. */
export interface Target {
  readonly name: string
  start(folder: string, options?: StartOptions): Promise<Running>
}

/** What a start may be told. */
export interface StartOptions {
  /** The port of 127.0.0.1 for visitors; 0 lets the system choose. Default: 0. */
  readonly port?: number
  /** How many managers run, on the embedded target. Default: 1. */
  readonly managers?: number
}
