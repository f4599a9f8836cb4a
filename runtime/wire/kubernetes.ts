import { z } from 'zod'

/** An object of the Kubernetes API. Type and metadata are known. The other fields depend on the kind. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid?: string
    readonly generation?: number
    readonly creationTimestamp?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

/** Parses a {@link KubernetesObject}, and keeps unknown fields. */
export const kubernetesObject = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
})

/** A change of an object, as a watch of the Kubernetes API reports it. */
export interface ObjectEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: KubernetesObject
}

type Labels = Readonly<Record<string, string>>

/** Whether labels have every entry of a selector (of a Service, or `matchLabels`). An empty selector selects nothing. */
export function selectsLabels(selector: Labels | undefined, labels: Labels | undefined): boolean {
  const entries = Object.entries(selector ?? {})
  return entries.length > 0 && entries.every(([name, value]) => labels?.[name] === value)
}
