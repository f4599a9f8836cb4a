import { z } from 'zod'

/** The parts of a pod's specification that the embedded cluster reads, see `kubernetes.ts`. */
export const unknown = z.unknown().optional()
export const strings = z.record(z.string(), z.string())
export const port = z.number().int().min(1).max(65535)
export const portOrName = z.union([port, z.string().min(1)])

const resourceFieldRef = z
  .strictObject({
    containerName: z.string().optional(),
    resource: z.string(),
    divisor: z.union([z.string(), z.number()]).optional(),
  })
  .optional()
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
      resourceFieldRef,
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
export const count = z.number().int().min(0).optional()

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
        readOnly: z.boolean().optional(),
        recursiveReadOnly: unknown,
        subPathExpr: z.string().optional(),
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

/** The permissions of a file. YAML 1.1, which Kubernetes reads, has octal numbers: `0400` is 256. */
const mode = z.number().int().min(0).max(0o777).optional()
const defaultMode = mode
const keyToPath = z.strictObject({ key: z.string(), path: z.string(), mode })
const items = z.array(keyToPath).optional()
const optional = z.boolean().optional()
const downwardApi = z.strictObject({
  items: z
    .array(
      z.strictObject({
        path: z.string(),
        fieldRef: z.strictObject({ fieldPath: z.string(), apiVersion: unknown }).optional(),
        resourceFieldRef,
        mode,
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
  persistentVolumeClaim: z
    .strictObject({ claimName: z.string(), readOnly: z.boolean().optional() })
    .optional(),
})
export type Volume = z.infer<typeof volume>

export const podSpec = z.strictObject({
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
  hostNetwork: z.boolean().optional(),
  restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).optional(),
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
  readonly hostname?: string
  readonly hostNetwork?: boolean
  readonly restartPolicy?: 'Always' | 'OnFailure' | 'Never'
}
