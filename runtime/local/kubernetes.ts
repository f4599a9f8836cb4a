import { z } from 'zod'

/**
 * The parts of Kubernetes' objects that the embedded cluster reads (API reference v1.36). Objects are strict, to find
 * misspelt fields. `z.unknown()` stands for fields of Kubernetes that have no effect here or that `support.ts` lists as
 * not supported.
 */
const unknown = z.unknown().optional()
const strings = z.record(z.string(), z.string())
const port = z.number().int().min(1).max(65535)
const portOrName = z.union([port, z.string().min(1)])

const resourceKeyRef = z.strictObject({ name: z.string(), key: z.string(), optional: z.boolean().optional() })
const resourceRef = z.strictObject({ name: z.string(), optional: z.boolean().optional() })

const variable = z.strictObject({
  name: z.string().min(1),
  value: z.string().optional(),
  valueFrom: z
    .strictObject({
      configMapKeyRef: resourceKeyRef.optional(),
      secretKeyRef: resourceKeyRef.optional(),
      fieldRef: z.strictObject({ fieldPath: z.string(), apiVersion: unknown }).optional(),
      resourceFieldRef: unknown,
      fileKeyRef: unknown,
    })
    .optional(),
})

const header = z.strictObject({ name: z.string(), value: z.string() })
const httpGet = z.strictObject({
  path: z.string().optional(),
  port: portOrName,
  host: z.string().optional(),
  scheme: z.enum(['HTTP', 'HTTPS']).optional(),
  httpHeaders: z.array(header).optional(),
})
const exec = z.strictObject({ command: z.array(z.string()).min(1) })
const tcpSocket = z.strictObject({ port: portOrName, host: z.string().optional() })
const count = z.number().int().min(0).optional()

const probe = z.strictObject({
  httpGet: httpGet.optional(),
  tcpSocket: tcpSocket.optional(),
  exec: exec.optional(),
  grpc: unknown,
  initialDelaySeconds: count,
  periodSeconds: count,
  timeoutSeconds: count,
  failureThreshold: count,
  successThreshold: count,
  terminationGracePeriodSeconds: count,
})
export type Probe = z.infer<typeof probe>

const lifecycleHandler = z.strictObject({
  exec: exec.optional(),
  sleep: z.strictObject({ seconds: z.number() }).optional(),
  httpGet: httpGet.optional(),
  tcpSocket: unknown,
})
export type LifecycleHandler = z.infer<typeof lifecycleHandler>

const securityContext = z.looseObject({
  runAsUser: z.number().int().optional(),
  runAsGroup: z.number().int().optional(),
  fsGroup: z.number().int().optional(),
})

const container = z.strictObject({
  name: z.string().min(1),
  image: z.string().optional(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  workingDir: z.string().optional(),
  ports: z
    .array(
      z.strictObject({
        name: z.string().optional(),
        containerPort: port,
        protocol: z.enum(['TCP', 'UDP', 'SCTP']).optional(),
        hostPort: unknown,
        hostIP: unknown,
      }),
    )
    .optional(),
  env: z.array(variable).optional(),
  envFrom: z
    .array(
      z.strictObject({
        prefix: z.string().optional(),
        configMapRef: resourceRef.optional(),
        secretRef: resourceRef.optional(),
      }),
    )
    .optional(),
  volumeMounts: z
    .array(
      z.strictObject({
        name: z.string(),
        mountPath: z.string().startsWith('/'),
        subPath: z.string().optional(),
        readOnly: unknown,
        recursiveReadOnly: unknown,
        subPathExpr: unknown,
        mountPropagation: unknown,
      }),
    )
    .optional(),
  startupProbe: probe.optional(),
  readinessProbe: probe.optional(),
  livenessProbe: probe.optional(),
  lifecycle: z
    .strictObject({ preStop: lifecycleHandler.optional(), postStart: unknown, stopSignal: unknown })
    .optional(),
  restartPolicy: z.string().optional(),
  securityContext: securityContext.optional(),
  resources: unknown,
  resizePolicy: unknown,
  restartPolicyRules: unknown,
  imagePullPolicy: unknown,
  stdin: unknown,
  stdinOnce: unknown,
  terminationMessagePath: unknown,
  terminationMessagePolicy: unknown,
  tty: unknown,
  volumeDevices: unknown,
})
export type Container = z.infer<typeof container>

const keyToPath = z.strictObject({ key: z.string(), path: z.string(), mode: unknown })
const items = z.array(keyToPath).optional()
const optional = z.boolean().optional()
const defaultMode = unknown
const downwardApi = z.strictObject({
  items: z
    .array(
      z.strictObject({
        path: z.string(),
        fieldRef: z.strictObject({ fieldPath: z.string(), apiVersion: unknown }).optional(),
        resourceFieldRef: unknown,
        mode: unknown,
      }),
    )
    .optional(),
  defaultMode,
})
const projection = z.strictObject({
  serviceAccountToken: z
    .strictObject({ path: z.string(), audience: z.string().optional(), expirationSeconds: unknown })
    .optional(),
  configMap: z.strictObject({ name: z.string(), items, optional }).optional(),
  secret: z.strictObject({ name: z.string(), items, optional }).optional(),
  downwardAPI: downwardApi.omit({ defaultMode: true }).optional(),
  clusterTrustBundle: unknown,
  podCertificate: unknown,
})
export type Projection = z.infer<typeof projection>

const volume = z.looseObject({
  name: z.string(),
  emptyDir: z.looseObject({}).optional(),
  configMap: z.strictObject({ name: z.string(), items, optional, defaultMode }).optional(),
  secret: z.strictObject({ secretName: z.string(), items, optional, defaultMode }).optional(),
  downwardAPI: downwardApi.optional(),
  projected: z.strictObject({ sources: z.array(projection), defaultMode }).optional(),
  hostPath: z.strictObject({ path: z.string(), type: unknown }).optional(),
})
export type Volume = z.infer<typeof volume>

const podSpec = z.strictObject({
  containers: z.array(container).min(1),
  initContainers: z.array(container).optional(),
  volumes: z.array(volume).optional(),
  terminationGracePeriodSeconds: count,
  serviceAccountName: z.string().optional(),
  dnsConfig: z
    .strictObject({ searches: z.array(z.string()).optional(), nameservers: unknown, options: unknown })
    .optional(),
  securityContext: securityContext.optional(),
  hostAliases: z.array(z.strictObject({ ip: z.string(), hostnames: z.array(z.string()) })).optional(),
  hostname: z.string().optional(),
  restartPolicy: z.string().optional(),
  ...Object.fromEntries(
    // Fields about where and how a pod runs on nodes.
    [
      'activeDeadlineSeconds',
      'affinity',
      'automountServiceAccountToken',
      'dnsPolicy',
      'enableServiceLinks',
      'ephemeralContainers',
      'hostIPC',
      'hostNetwork',
      'hostPID',
      'hostUsers',
      'hostnameOverride',
      'imagePullSecrets',
      'nodeName',
      'nodeSelector',
      'os',
      'overhead',
      'preemptionPolicy',
      'priority',
      'priorityClassName',
      'readinessGates',
      'resourceClaims',
      'resources',
      'runtimeClassName',
      'schedulerName',
      'schedulingGates',
      'serviceAccount',
      'setHostnameAsFQDN',
      'shareProcessNamespace',
      'subdomain',
      'tolerations',
      'topologySpreadConstraints',
    ].map((name) => [name, unknown]),
  ),
})
/** The part of a pod's specification that is read here. */
export interface PodSpec {
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly volumes?: readonly Volume[]
  readonly terminationGracePeriodSeconds?: number
  readonly serviceAccountName?: string
  readonly dnsConfig?: { readonly searches?: readonly string[] }
  readonly securityContext?: { runAsUser?: number; runAsGroup?: number; fsGroup?: number }
  readonly hostAliases?: readonly { ip: string; hostnames: readonly string[] }[]
}

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
  'v1/Service': service,
  'v1/ConfigMap': configMap,
  'v1/Secret': secret,
}
