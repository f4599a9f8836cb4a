import type { Protocol } from '@branchline/wire/inbound'
import type { SidecarOptions } from '../inject/sidecar.ts'
import type { EnvironmentValue } from './variable.ts'

export interface WorkloadPort {
  /** The Service's port. */
  readonly port: number
  /** The port on which the container listens. Default: the Service's port. */
  readonly targetPort?: number
  /** The protocol. Default: by the port's name (http, http2, grpc, tcp, postgres, …), otherwise by the first bytes. */
  readonly protocol?: Protocol
}

export interface WorkloadProps {
  readonly image: string
  /** An HTTP port of the Service and of the container. Default: none. */
  readonly port?: number
  /** Ports by name. Default: none. A workload without a port has no Service. */
  readonly ports?: Readonly<Record<string, number | WorkloadPort>>
  /** Default: 1. */
  readonly replicas?: number
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, EnvironmentValue>>
  /**
   * The health check on the app's first port: an HTTP path, `grpc` (the gRPC health protocol), `tcp` (the port accepts
   * connections), or false for none. Default: `tcp`.
   */
  readonly health?: string | false
  /** Default: requests of 50m CPU and 128Mi, and a limit of 256Mi. */
  readonly resources?: Readonly<Record<string, unknown>>
  /** The number of the user. Needed if the image names its user or runs as root. Default: the image's user. */
  readonly user?: number
  /** Default: false. */
  readonly readOnlyRootFilesystem?: boolean
  /** More labels of all objects and of the pods. Default: none. */
  readonly labels?: Readonly<Record<string, string>>
  /** Annotations of the pods. Default: none. */
  readonly annotations?: Readonly<Record<string, string>>
  /** The name of an existing ServiceAccount. Default: a new one with the workload's name. */
  readonly serviceAccountName?: string
  /** Options of the sidecar, or false for no sidecar and no routing. Default: the environment's options. */
  readonly sidecar?: SidecarOptions | false
  /** The command that the embedded cluster runs instead of the image's entrypoint (a shell line or a list), and its folder. */
  readonly local?: { readonly command?: string | readonly string[]; readonly dir?: string }
  /** Fields that are merged into the pod's spec, for what these properties do not cover. Default: none. */
  readonly pod?: Readonly<Record<string, unknown>>
  /** Fields that are merged into the container, for what these properties do not cover. Default: none. */
  readonly container?: Readonly<Record<string, unknown>>
}
