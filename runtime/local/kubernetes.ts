import { z } from 'zod'
import { count, type PodSpec, podSpec, port, portOrName, strings, unknown } from './pod-spec.ts'

export type { Container, LifecycleHandler, PodSpec, Probe, Projection, Volume } from './pod-spec.ts'

/**
 * The parts of Kubernetes' objects that the embedded cluster reads (API reference v1.36). Objects are strict, to find
 * misspelt fields. `z.unknown()` stands for fields of Kubernetes that have no effect here or that `support.ts` lists as
 * not supported.
 */
const templateMetadata = z.looseObject({
  labels: strings.optional(),
  annotations: strings.optional(),
})
const template = z.strictObject({ metadata: templateMetadata.optional(), spec: podSpec })
const selector = z.strictObject({ matchLabels: strings.optional(), matchExpressions: unknown })
const metadata = z.looseObject({
  name: z.string().min(1),
  namespace: z.string().optional(),
  uid: z.string().optional(),
  labels: strings.optional(),
  annotations: strings.optional(),
})
const head = { apiVersion: z.string(), metadata, status: unknown }
const intOrPercent = z.union([z.number().int(), z.string()])

const deployment = z.strictObject({
  ...head,
  kind: z.literal('Deployment'),
  spec: z.strictObject({
    replicas: count,
    selector,
    template,
    strategy: z
      .strictObject({
        type: z.enum(['RollingUpdate', 'Recreate']).optional(),
        rollingUpdate: z
          .strictObject({ maxSurge: intOrPercent.optional(), maxUnavailable: unknown })
          .optional(),
      })
      .optional(),
    minReadySeconds: unknown,
    paused: unknown,
    progressDeadlineSeconds: unknown,
    revisionHistoryLimit: unknown,
  }),
})

const statefulSet = z.strictObject({
  ...head,
  kind: z.literal('StatefulSet'),
  spec: z.strictObject({
    replicas: count,
    selector,
    template,
    serviceName: z.string().optional(),
    volumeClaimTemplates: z
      .array(z.looseObject({ metadata: z.looseObject({ name: z.string() }) }))
      .optional(),
    minReadySeconds: unknown,
    ordinals: unknown,
    persistentVolumeClaimRetentionPolicy: unknown,
    podManagementPolicy: unknown,
    revisionHistoryLimit: unknown,
    updateStrategy: unknown,
  }),
})

const jobSpec = z.strictObject({
  template,
  completions: count,
  parallelism: count,
  backoffLimit: count,
  activeDeadlineSeconds: count,
  ttlSecondsAfterFinished: count,
  completionMode: z.enum(['NonIndexed', 'Indexed']).optional(),
  suspend: z.boolean().optional(),
  selector: unknown,
  manualSelector: unknown,
  backoffLimitPerIndex: unknown,
  maxFailedIndexes: unknown,
  managedBy: unknown,
  podFailurePolicy: unknown,
  podReplacementPolicy: unknown,
  successPolicy: unknown,
})
const job = z.strictObject({ ...head, kind: z.literal('Job'), spec: jobSpec })
export type Job = Readonly<{
  metadata: z.infer<typeof metadata>
  spec: Omit<z.infer<typeof jobSpec>, 'template'> & { template: PodTemplate }
}>

const cronJobSpec = z.strictObject({
  schedule: z.string(),
  timeZone: z.string().optional(),
  concurrencyPolicy: z.enum(['Allow', 'Forbid', 'Replace']).optional(),
  startingDeadlineSeconds: count,
  suspend: z.boolean().optional(),
  successfulJobsHistoryLimit: count,
  failedJobsHistoryLimit: count,
  jobTemplate: z.strictObject({ metadata: templateMetadata.optional(), spec: jobSpec }),
})
const cronJob = z.strictObject({ ...head, kind: z.literal('CronJob'), spec: cronJobSpec })
export type CronJob = Readonly<z.infer<typeof cronJob>>

/** The part of a Deployment or StatefulSet that is read here. */
export interface Workload {
  readonly kind: 'Deployment' | 'StatefulSet'
  readonly metadata: { name: string; namespace?: string; uid?: string }
  readonly spec: {
    readonly replicas?: number
    readonly selector: { readonly matchLabels?: Readonly<Record<string, string>> }
    readonly template: PodTemplate
    readonly strategy?: {
      readonly type?: 'RollingUpdate' | 'Recreate'
      readonly rollingUpdate?: { readonly maxSurge?: number | string }
    }
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[]
  }
}
export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: PodSpec
}

const service = z.strictObject({
  ...head,
  kind: z.literal('Service'),
  spec: z.strictObject({
    type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']).optional(),
    clusterIP: z.string().optional(),
    externalName: z.string().optional(),
    selector: strings.optional(),
    publishNotReadyAddresses: z.boolean().optional(),
    ports: z
      .array(
        z.strictObject({
          name: z.string().optional(),
          port,
          targetPort: portOrName.optional(),
          protocol: z.enum(['TCP', 'UDP', 'SCTP']).optional(),
          appProtocol: z.string().optional(),
          nodePort: unknown,
        }),
      )
      .optional(),
    ...Object.fromEntries(
      [
        'allocateLoadBalancerNodePorts',
        'clusterIPs',
        'externalIPs',
        'externalTrafficPolicy',
        'healthCheckNodePort',
        'internalTrafficPolicy',
        'ipFamilies',
        'ipFamilyPolicy',
        'loadBalancerClass',
        'loadBalancerIP',
        'loadBalancerSourceRanges',
        'sessionAffinity',
        'sessionAffinityConfig',
        'trafficDistribution',
      ].map((name) => [name, unknown]),
    ),
  }),
})
/** The part of a Service that is read here. */
export interface Service {
  readonly kind: 'Service'
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly spec: {
    readonly type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
    readonly clusterIP?: string
    readonly externalName?: string
    readonly selector?: Readonly<Record<string, string>>
    readonly publishNotReadyAddresses?: boolean
    readonly ports?: readonly ServicePort[]
  }
}
export interface ServicePort {
  readonly name?: string
  readonly port: number
  readonly targetPort?: number | string
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP'
  readonly appProtocol?: string
}

const configMap = z.strictObject({
  ...head,
  kind: z.literal('ConfigMap'),
  data: strings.optional(),
  binaryData: strings.optional(),
  immutable: unknown,
})
const secret = z.strictObject({
  ...head,
  kind: z.literal('Secret'),
  type: z.string().optional(),
  data: strings.optional(),
  stringData: strings.optional(),
  immutable: unknown,
})

/** The schemas of the kinds that the embedded cluster runs. */
export const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  'apps/v1/Deployment': deployment,
  'apps/v1/StatefulSet': statefulSet,
  'batch/v1/Job': job,
  'batch/v1/CronJob': cronJob,
  'v1/Service': service,
  'v1/ConfigMap': configMap,
  'v1/Secret': secret,
}
