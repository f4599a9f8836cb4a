/** Kinds that the embedded cluster acts on, beside those of `kubernetes.ts`: kept, and shown to the manager. */
export const KEPT_KINDS: ReadonlySet<string> = new Set([
  'v1/Namespace',
  'branchline.dev/v1alpha1/Environment',
  'branchline.dev/v1alpha1/Preview',
])

/** Kinds without effect on one machine, which it would be noise to name: identities, budgets, schemas. */
export const INERT_KINDS: ReadonlySet<string> = new Set([
  'v1/ServiceAccount',
  'v1/ResourceQuota',
  'v1/LimitRange',
  'rbac.authorization.k8s.io/v1/Role',
  'rbac.authorization.k8s.io/v1/RoleBinding',
  'rbac.authorization.k8s.io/v1/ClusterRole',
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding',
  'apiextensions.k8s.io/v1/CustomResourceDefinition',
  'policy/v1/PodDisruptionBudget',
  'scheduling.k8s.io/v1/PriorityClass',
  'coordination.k8s.io/v1/Lease',
])

/** Why a kind is not run, and what to do. */
export const UNSUPPORTED_KINDS: Readonly<Record<string, string>> = {
  'networking.k8s.io/v1/NetworkPolicy': 'is not enforced: every process here reaches every other one',
  'networking.k8s.io/v1/Ingress': 'is not served: write a Preview, or call the Service',
  'autoscaling/v2/HorizontalPodAutoscaler': 'is not followed: spec.replicas of the workload counts',
  'apps/v1/DaemonSet': 'is not run: there are no nodes here, use a Deployment',
  'batch/v1/Job': 'is not run: use an init container, or run it by hand',
  'batch/v1/CronJob': 'is not run: run it by hand',
  'v1/Pod': 'is not run: use a Deployment, which restarts it',
  'v1/PersistentVolumeClaim': 'is not bound: volumes are folders that end with the run',
}

interface Unsupported {
  /** The path within a pod's spec; `*` stands for any index. */
  readonly path: string
  readonly why: string
  /** Says which values are harmless. */
  readonly harmless?: (value: unknown) => boolean
}

const off = (value: unknown): boolean => value === false
const containers = (path: string, why: string): Unsupported[] =>
  ['containers', 'initContainers'].map((list) => ({ path: `${list}.*.${path}`, why }))
const probes = (path: string, why: string): Unsupported[] =>
  ['startupProbe', 'readinessProbe', 'livenessProbe'].flatMap((probe) => containers(`${probe}.${path}`, why))

const NO_NODE = 'is not supported: a pod here is a process with a loopback address of its own, not on a node'

/** Fields of a pod's spec that would change how it behaves on a cluster, and do nothing here. */
export const UNSUPPORTED_POD_FIELDS: readonly Unsupported[] = [
  { path: 'hostNetwork', why: NO_NODE, harmless: off },
  { path: 'hostPID', why: NO_NODE, harmless: off },
  { path: 'hostIPC', why: NO_NODE, harmless: off },
  { path: 'shareProcessNamespace', why: 'is not supported: processes see each other anyhow', harmless: off },
  { path: 'activeDeadlineSeconds', why: 'is not supported' },
  { path: 'hostname', why: 'is not supported: the host name is that of this machine' },
  { path: 'subdomain', why: 'is not supported: pods have no host names of their own here' },
  { path: 'readinessGates', why: 'is not supported: readiness is that of the containers' },
  { path: 'ephemeralContainers', why: 'is not supported' },
  { path: 'resourceClaims', why: 'is not supported' },
  { path: 'dnsConfig.nameservers', why: 'is not supported: names come from the hosts file' },
  {
    path: 'dnsConfig.options',
    why: 'is not supported: names come from the hosts file',
    // `ndots`, which many write, has no meaning where names are written out.
    harmless: (value) =>
      Array.isArray(value) && value.every((option: { name?: unknown }) => option.name === 'ndots'),
  },
  ...containers('ports.*.hostPort', 'is not supported: call the pod by its Service'),
  ...containers('env.*.valueFrom.resourceFieldRef', 'is not supported: processes here have no limits'),
  ...containers('env.*.valueFrom.fileKeyRef', 'is not supported: use a ConfigMap or a Secret'),
  ...containers('lifecycle.postStart', 'is not supported'),
  ...containers('lifecycle.preStop.tcpSocket', 'is not supported, as on Kubernetes'),
  ...containers('volumeMounts.*.subPathExpr', 'is not supported: use subPath'),
  ...containers('volumeDevices', 'is not supported'),
  ...probes('grpc', 'is not supported: use tcpSocket, or exec with a health client'),
]
