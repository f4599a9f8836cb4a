import type http from 'node:http'
import type { Visit } from './visit.ts'

/** A process of a pod that a story may kill. */
export interface PodProcess {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly restarts: number
  readonly ready: boolean
  readonly running: boolean
  /** The id of the process, if it runs on this machine. */
  readonly pid?: number
}

/** A running platform on any target. */
export interface Running {
  /** How long a change may take, in milliseconds. Pods of a cluster start slower than processes. */
  readonly changeTimeoutMs: number
  /** Resolves with the URL of a preview when it is ready. After the timeout it rejects with the reason. */
  previewUrl(environment: string, preview: string, timeoutMs: number): Promise<string>
  /** Returns the overrides of an environment, by its status. */
  overrides(environment: string): Promise<readonly string[]>
  /** Returns the message of an environment's status. */
  message(environment: string): Promise<string | undefined>
  /** Returns why requests do not reach an override, if the environment's status says so. */
  unreached(environment: string): Promise<string | undefined>
  /** Whether a connection shows which pod opened it. On loopback it does not. */
  readonly showsCallers: boolean
  /** Returns the current problems, one sentence each, with file and field. */
  problems(): Promise<readonly string[]>
  /** Returns all containers of all pods. */
  processes(): Promise<readonly PodProcess[]>
  /** Kills a container's process, like a crash. */
  kill(process: PodProcess): Promise<void>
  /** Sends a GET from inside the cluster to a service's pod, without the relay, as another pod would. */
  inside(
    environment: string,
    service: string,
    path: string,
    headers: http.OutgoingHttpHeaders,
  ): Promise<Visit>
  /** Returns the URL of a service's sidecar, `http://IP:PORT`, if this machine can reach pods. */
  sidecarUrl?(environment: string, service: string): Promise<string>
  /** Describes the platform for a failed story: pods, and the last lines of each. */
  describe(): Promise<string>
  /** Stops the platform. Resolves when nothing of it remains. */
  stop(): Promise<void>
  /** Returns what must not exist after {@link stop}. */
  traces(): Traces
}

/** The traces of a platform on this machine: ports of 127.0.0.1, process ids and folders. */
export interface Traces {
  readonly ports: readonly number[]
  readonly pids: readonly number[]
  readonly folders: readonly string[]
}

/** A place where the platform can run. It watches the folder of manifests after the start. */
export interface Target {
  readonly name: string
  start(folder: string, options?: StartOptions): Promise<Running>
}

/** Options of a start. */
export interface StartOptions {
  /** The port for visitors on 127.0.0.1. 0 lets the system choose. Default: 0. */
  readonly port?: number
  /** The number of managers on the embedded target. Default: 1. */
  readonly managers?: number
}
