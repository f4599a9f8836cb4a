import type { PodTemplate } from '../kubernetes.ts'
import type { KubernetesObject } from '../manifests/object.ts'

/** A workload to run, and the folder of its manifest. */
export interface DesiredWorkload {
  readonly object: KubernetesObject
  readonly directory: string
  /** The id of the object of a manifest that it belongs to: of the CronJob of a Job. Default: its own. */
  readonly root?: string
}

/** A pod to create. */
export interface NewPod {
  readonly owner: string
  readonly root: string
  readonly object: KubernetesObject
  readonly directory: string
  readonly name: string
  readonly hash: string
  readonly template: PodTemplate
}
