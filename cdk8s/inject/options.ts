import type { SidecarOptions } from './sidecar.ts'

/** The environment of the manifests, and options of the sidecar. */
export interface InjectOptions {
  /** The environment's name. */
  readonly environment: string
  /**
   * The namespaces of the environments above, nearest first. Pods search them for short names that the branch does not
   * have. Default: none, as for an environment without a base.
   */
  readonly above?: readonly string[]
  /** Default: `cluster.local`. */
  readonly clusterDomain?: string
  readonly sidecar?: SidecarOptions
  /**
   * Seconds that a container keeps running after its pod leaves the endpoints, at most half of the pod's grace period.
   * Default: 5. 0 turns it off.
   */
  readonly preStopSeconds?: number
  /**
   * Updates an existing sidecar to this release, and keeps what its users changed: another image, variables, resources.
   * Default: an existing sidecar is replaced.
   */
  readonly keepSidecars?: boolean
  /** With `keepSidecars`: the options in `sidecar` take precedence over what users changed. Default: false. */
  readonly overrideSidecars?: boolean
}
