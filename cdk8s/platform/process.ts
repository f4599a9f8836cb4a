import { PLATFORM_NAMESPACE } from '@branchline/wire/names'
import type { Manifest } from '../inject/manifest.ts'
import { RESTRICTED_CONTAINER, RESTRICTED_POD } from '../core/pod-security.ts'
import type { ImageProps, PodProps, Resources } from './props.ts'

/** One process of the platform: a Deployment of one container with an admin port. */
export interface PlatformProcess {
  /** The name of the Deployment, the Service and the ServiceAccount. */
  readonly name: string
  readonly component: string
  readonly image: string
  readonly replicas: number
  readonly env: readonly object[]
  /** Ports by name. `admin` serves `/livez`, `/readyz` and `/metrics`, and no Service exposes it. */
  readonly ports: Readonly<Record<string, number>>
  /** Ports that the Service of this name does not expose either. Default: none. */
  readonly unserved?: readonly string[]
  /** How an update replaces pods. Default: the default of Kubernetes. */
  readonly update?: 'surge' | 'recreate'
  /** Whether replicas prefer different nodes, unless the pods have an affinity of their own. Default: no. */
  readonly isSpread?: boolean
  /** How long a pod has to stop. Default: the default of Kubernetes. */
  readonly terminationGracePeriodSeconds?: number
  /** How long a pod that is deleted still accepts connections, until no Service leads to it any more. Default: 0. */
  readonly leaveSeconds?: number
  readonly resources: Resources
  /** A folder that survives the container: the name of a claim, or undefined for a volume of the pod. */
  readonly state?: { readonly folder: string; readonly claim: string | undefined }
  /** Whether the process uses the Kubernetes API. */
  readonly usesApi: boolean
  /** Fields of all pods of the platform. */
  readonly pods: PodProps
  /** How nodes pull the image. */
  readonly images: Pick<ImageProps, 'pullPolicy' | 'pullSecrets'>
}

export const selectorOf = (component: string): Record<string, string> => ({
  'app.kubernetes.io/name': 'branchline',
  'app.kubernetes.io/component': component,
})

export const labelsOf = (component: string): Record<string, string> => ({
  ...selectorOf(component),
  'app.kubernetes.io/part-of': 'branchline',
  'app.kubernetes.io/managed-by': 'cdk8s',
})

export const metadataOf = (name: string, component: string) => ({
  name,
  namespace: PLATFORM_NAMESPACE,
  labels: labelsOf(component),
})

/** Returns a ServiceAccount, a Deployment, a Service and a PodDisruptionBudget. */
export function processManifests(process: PlatformProcess): Manifest[] {
  const { name, component } = process
  const metadata = metadataOf(name, component)
  const selector = selectorOf(component)
  const hidden = new Set(['admin', ...(process.unserved ?? [])])
  const served = Object.entries(process.ports).filter(([port]) => !hidden.has(port))
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata, automountServiceAccountToken: false },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas: process.replicas,
        ...(process.update && { strategy: STRATEGIES[process.update] }),
        selector: { matchLabels: selector },
        template: {
          metadata: { labels: labelsOf(component), ...defined({ annotations: process.pods.annotations }) },
          spec: podOf(process),
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        selector,
        ports: served.map(([name, port]) => ({ name, port, targetPort: name, appProtocol: 'http' })),
      },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      // With minAvailable, one replica would block the drain of a node forever.
      spec: { maxUnavailable: 1, selector: { matchLabels: selector } },
    },
  ]
}

/** Returns the fields that have a value. */
const defined = (fields: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

/** The user and group of the platform's processes. */
const USER = 65532

/** All fields are stated, because server-side apply cannot remove a defaulted `rollingUpdate`, which `Recreate` forbids. */
const STRATEGIES = {
  surge: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
  recreate: { type: 'Recreate' },
} as const

const spread = (component: string): object => ({
  podAntiAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [
      {
        weight: 100,
        podAffinityTerm: {
          topologyKey: 'kubernetes.io/hostname',
          labelSelector: { matchLabels: selectorOf(component) },
        },
      },
    ],
  },
})

/** The group is set once: a later change would let the group write PostgreSQL's data, which PostgreSQL refuses. */
const STATE_GROUP = { fsGroup: USER, fsGroupChangePolicy: 'OnRootMismatch' } as const

const volumeOf = (claim: string | undefined): object =>
  claim === undefined ? { emptyDir: {} } : { persistentVolumeClaim: { claimName: claim } }

function podOf(process: PlatformProcess): object {
  const { annotations: _ofTheTemplate, affinity, ...pod } = process.pods
  const { state, isSpread, terminationGracePeriodSeconds, leaveSeconds } = process
  const probe = (path: string) => ({ httpGet: { path, port: 'admin' } })
  return {
    serviceAccountName: process.name,
    automountServiceAccountToken: process.usesApi,
    enableServiceLinks: false,
    // A number, because runAsNonRoot cannot check an image whose user is a name.
    securityContext: { ...RESTRICTED_POD, runAsUser: USER, ...(state && STATE_GROUP) },
    ...defined({
      terminationGracePeriodSeconds,
      imagePullSecrets: process.images.pullSecrets,
      ...pod,
      affinity: affinity ?? (isSpread === true ? spread(process.component) : undefined),
    }),
    containers: [
      {
        name: process.component,
        image: process.image,
        ...defined({ imagePullPolicy: process.images.pullPolicy }),
        env: [...process.env, { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
        ports: Object.entries(process.ports).map(([name, containerPort]) => ({ name, containerPort })),
        startupProbe: { ...probe('/livez'), periodSeconds: 1, failureThreshold: 60 },
        readinessProbe: { ...probe('/readyz'), periodSeconds: 2, timeoutSeconds: 3, failureThreshold: 2 },
        // A process that is slow because it lacks CPU is not dead.
        livenessProbe: { ...probe('/livez'), periodSeconds: 10, timeoutSeconds: 10, failureThreshold: 3 },
        // Without a command, which would need a program in the image.
        ...(leaveSeconds && { lifecycle: { preStop: { sleep: { seconds: leaveSeconds } } } }),
        resources: process.resources,
        securityContext: { ...RESTRICTED_CONTAINER, readOnlyRootFilesystem: true },
        ...(state && { volumeMounts: [{ name: 'state', mountPath: state.folder }] }),
      },
    ],
    ...(state && { volumes: [{ name: 'state', ...volumeOf(state.claim) }] }),
  }
}
