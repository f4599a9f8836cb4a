import type { KubernetesObject } from './manifests/object.ts'
import type { Method, OutsideHost } from './network/network.ts'
import type { ImageResolver } from './pods/command.ts'
import type { Publication } from './services/services.ts'
import type { LogLine, Problem } from './types.ts'

/** A problem of an object, with its `idOf`. */
export interface ObjectProblem extends Problem {
  readonly id: string
}

/** Objects after an injection, with what it found. */
export interface Transformed {
  readonly objects: readonly KubernetesObject[]
  readonly problems: readonly ObjectProblem[]
}

/** What a cluster runs, and whom it tells. */
export interface ClusterOptions {
  /** The folder of manifests to run and watch. */
  readonly folder: string
  /** Additional objects of the platform. The function gets the numbers of the published ports, and the run's folder. */
  readonly objects?: (ports: readonly number[], runFolder: string) => readonly KubernetesObject[]
  /** Resolves an image to the command to run. */
  readonly image?: ImageResolver
  /** Changes the folder's objects before they run (injection). Returns one object for each, in order. */
  readonly transform?: (objects: readonly KubernetesObject[]) => Transformed
  /** Checks all objects of the store together. */
  readonly check?: (objects: readonly KubernetesObject[]) => readonly ObjectProblem[]
  /** Ports of 127.0.0.1 to forward to Service ports. */
  readonly publish?: readonly Publication[]
  /** Whether pods find names by files and DNS. Default: true if the machine allows it. */
  readonly hosts?: boolean
  /** How pods are connected. Default: namespaces where the system allows them, otherwise loopback. */
  readonly network?: Method | undefined
  /** Hosts outside that pods may call, in network namespaces. */
  readonly egress?: readonly OutsideHost[]
  /** The current time in milliseconds since 1970, for the schedules of CronJobs. Default: that of the machine. */
  readonly now?: () => number
  readonly onProblem?: (problem: Problem) => void
  /** Called when a problem that was reported is solved. */
  readonly onSolved?: (problem: Problem) => void
  readonly onLog?: (line: LogLine) => void
  readonly onChange?: () => void
}
