/** Kinds, in addition to those of `kubernetes.ts`, that are kept and shown to the manager. */
export const KEPT_KINDS: ReadonlySet<string> = new Set([
  'v1/Namespace',
  'branchline.dev/v1alpha1/Environment',
  'branchline.dev/v1alpha1/Preview',
])

/** Kinds without effect on one machine, which are silently ignored: identities, budgets, schemas. */
export const INERT_KINDS: ReadonlySet<string> = new Set([
  'v1/ServiceAccount',
  'v1/ResourceQuota',
  'v1/LimitRange',
  'v1/PersistentVolumeClaim',
  'v1/PersistentVolume',
  'storage.k8s.io/v1/StorageClass',
  'rbac.authorization.k8s.io/v1/Role',
  'rbac.authorization.k8s.io/v1/RoleBinding',
  'rbac.authorization.k8s.io/v1/ClusterRole',
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding',
  'apiextensions.k8s.io/v1/CustomResourceDefinition',
  'policy/v1/PodDisruptionBudget',
  'scheduling.k8s.io/v1/PriorityClass',
  'coordination.k8s.io/v1/Lease',
])

const NO_SCALING = 'has no effect: spec.replicas of the workload applies'

/** Why a kind does not run, and what to do instead. */
export const UNSUPPORTED_KINDS: Readonly<Record<string, string>> = {
  'networking.k8s.io/v1/NetworkPolicy': 'is not enforced: every pod here can reach every other one',
  'networking.k8s.io/v1/Ingress': 'is not served: write a Preview, or call the Service',
  'autoscaling/v1/HorizontalPodAutoscaler': NO_SCALING,
  'autoscaling/v2/HorizontalPodAutoscaler': NO_SCALING,
  'apps/v1/DaemonSet': 'is not run: there are no nodes here, use a Deployment',
  'v1/Pod': 'is not run: use a Deployment, which restarts it',
}

/** Kinds without effect that a folder has many of. One sentence stands for all. */
export const NOTED_ONCE: readonly string[] = ['HorizontalPodAutoscaler']

interface Unsupported {
  /** The path within a pod's spec. `*` stands for any index. */
  readonly path: string
  readonly why: string
  /** Whether a value is harmless. */
  readonly harmless?: (value: unknown) => boolean
}

const off = (value: unknown): boolean => value === false
const containers = (path: string, why: string): Unsupported[] =>
  ['containers', 'initContainers'].map((list) => ({ path: `${list}.*.${path}`, why }))
const probes = (path: string, why: string): Unsupported[] =>
  ['startupProbe', 'readinessProbe', 'livenessProbe'].flatMap((probe) => containers(`${probe}.${path}`, why))

const NO_NODE = 'is not supported: a pod here is a group of processes, not on a node'

/** Fields of a pod's spec that change its behaviour on a cluster, but have no effect here. */
export const UNSUPPORTED_POD_FIELDS: readonly Unsupported[] = [
  { path: 'hostPID', why: NO_NODE, harmless: off },
  { path: 'hostIPC', why: NO_NODE, harmless: off },
  {
    path: 'shareProcessNamespace',
    why: 'is not supported: processes can see each other anyway',
    harmless: off,
  },
  { path: 'activeDeadlineSeconds', why: 'is not supported' },
  { path: 'hostname', why: 'only sets the variable HOSTNAME: the host name is that of this machine' },
  { path: 'subdomain', why: 'is not supported: pods have no own host names here' },
  { path: 'readinessGates', why: 'is not supported: only the containers determine readiness' },
  { path: 'ephemeralContainers', why: 'is not supported' },
  { path: 'resourceClaims', why: 'is not supported' },
  { path: 'dnsConfig.nameservers', why: 'is not supported: names come from the DNS of this cluster' },
  {
    path: 'dnsConfig.options',
    why: 'is not supported: pods have the options of Kubernetes',
    // Many manifests set `ndots`. Names are found with every number.
    harmless: (value) =>
      Array.isArray(value) && value.every((option: { name?: unknown }) => option.name === 'ndots'),
  },
  ...containers('ports.*.hostPort', 'is not supported: call the pod through its Service'),
  ...containers('env.*.valueFrom.fileKeyRef', 'is not supported: use a ConfigMap or a Secret'),
  ...containers('lifecycle.postStart', 'is not supported'),
  ...containers('lifecycle.preStop.tcpSocket', 'is not supported, like on Kubernetes'),
  ...containers('volumeDevices', 'is not supported'),
  ...probes('grpc', 'is not supported: use tcpSocket, or exec with a health client'),
]

/** Fields of a Job's spec that change its behaviour on a cluster, but have no effect here. */
export const UNSUPPORTED_JOB_FIELDS: readonly string[] = [
  'backoffLimitPerIndex',
  'maxFailedIndexes',
  'managedBy',
  'podFailurePolicy',
  'successPolicy',
]
