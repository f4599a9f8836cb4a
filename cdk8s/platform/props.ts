import type { SettingName } from '@branchline/wire/settings/table'

/** Where a credential is: a Secret of the platform's namespace and a key of it. */
export interface SecretKey {
  readonly secret: string
  readonly key: string
}

export interface RelayProps {
  /** The domain below which previews have their hosts. Default: `localhost`. */
  readonly domain?: string
  /** Where visitors open previews: scheme, domain and port. Default: `http://<domain>:8080`. */
  readonly publicUrl?: string
  /** How visitors reach it. Default: `ClusterIP`, behind an ingress of one's own. */
  readonly expose?: Expose
  /** The port of each node, for `NodePort`. Default: Kubernetes chooses. */
  readonly nodePort?: number
  /** Annotations of the Service that visitors reach, such as a load balancer's. Default: none. */
  readonly annotations?: Readonly<Record<string, string>>
  /** Whether managers of other clusters connect here. Default: false. */
  readonly shared?: boolean
  /**
   * The PersistentVolumeClaim, in the platform's namespace, where the relay remembers which cluster owns which
   * host. Needed where clusters that do not trust each other share the relay. Default: a volume that lasts as long
   * as the pod.
   */
  readonly stateClaim?: string
  /** Whether visitors may ask which way a request took (`x-branchline-route: 1`). Default: deny. */
  readonly routeExplain?: 'allow' | 'deny'
  /**
   * The header in which sidecars read a key too (SidecarOptions.header): removed from what visitors send.
   * Default: none.
   */
  readonly header?: string
  /** Waits and sizes, such as `{ 'head-timeout': '5s' }`. Default: those of the table of settings. */
  readonly settings?: Readonly<Partial<Record<SettingName, string>>>
  /** What its container asks for, in place of the whole default. Default: 50m, 128Mi; at most 512Mi. */
  readonly resources?: Resources
}

/** The types of a Service by which visitors may reach the relay. */
export const EXPOSE = ['ClusterIP', 'NodePort', 'LoadBalancer'] as const
export type Expose = (typeof EXPOSE)[number]

/** Resources of a container, as Kubernetes has them (`core/v1`, ResourceRequirements). */
export type Resources = Readonly<Record<string, unknown>>

/** Where images are, and how nodes get them. */
export interface ImageProps {
  /** Each image otherwise than this release has it: a mirror, a digest. */
  readonly manager?: string
  readonly relay?: string
  /** Default: Kubernetes' own, `IfNotPresent` for a tag. */
  readonly pullPolicy?: 'Always' | 'IfNotPresent' | 'Never'
  /** Secrets of the platform's namespace with the registry's credentials. Default: none. */
  readonly pullSecrets?: readonly { readonly name: string }[]
}

/** What all pods of the platform have, as Kubernetes' PodSpec says it. Default: none of it. */
export interface PodProps {
  readonly nodeSelector?: Readonly<Record<string, string>>
  readonly tolerations?: readonly object[]
  readonly affinity?: object
  readonly priorityClassName?: string
  readonly annotations?: Readonly<Record<string, string>>
}

export interface ManagerProps {
  /** How many there are, of which one leads. Default: 2. */
  readonly replicas?: number
  /**
   * Whether a sidecar's token counts from its pod's own address alone. False where addresses are translated on
   * the way to the manager (a CNI, or kube-proxy, that masquerades within the cluster). Default: true.
   */
  readonly checkPodAddress?: boolean
  /** What its container asks for, in place of the whole default. Default: 50m, 128Mi; at most 512Mi. */
  readonly resources?: Resources
}

export interface PlatformProps {
  readonly images?: ImageProps
  /** Whether to make the namespace, which enforces PodSecurity `restricted`. Default: true. */
  readonly createNamespace?: boolean
  /** The name of this cluster at the relay. Default: `default`. */
  readonly cluster?: string
  /**
   * Where the manager reads from. Default: `kubernetes`. The embedded cluster is `local`; it has no RBAC and
   * enforces no NetworkPolicy, so there are none.
   */
  readonly source?: 'kubernetes' | 'local'
  readonly manager?: ManagerProps
  /** The relay in this cluster, the address of one elsewhere (`wss://…`), or false for none. Default: here. */
  readonly relay?: RelayProps | string | false
  /**
   * The credential with which managers and relay know each other: a Secret that is there, or a text of which
   * one is made (for a machine of one's own: a text in git is no secret).
   * Default: key `token` of the Secret `branchline-relay-token`.
   */
  readonly relayToken?: SecretKey | string
  readonly pods?: PodProps
  /** Whether nothing passes but what manager and relay need. Default: true. */
  readonly networkPolicies?: boolean
  /** The namespaces that read metrics, by their labels. Default: the one named `monitoring`. */
  readonly metricsFrom?: Readonly<Record<string, string>>
  /** Whether to add PodMonitors for the Prometheus operator, whose CRDs must be there. Default: false. */
  readonly monitors?: boolean
  /** Default: info. */
  readonly logLevel?: string
}

const RESOURCES: Resources = { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } }

/** What a platform has where its properties do not say otherwise. */
export const PLATFORM_DEFAULTS = {
  cluster: 'default',
  manager: { replicas: 2, resources: RESOURCES },
  relay: { domain: 'localhost', expose: 'ClusterIP', resources: RESOURCES },
  relayToken: { secret: 'branchline-relay-token', key: 'token' },
  /** The namespace in which Prometheus usually is. */
  metricsFrom: { 'kubernetes.io/metadata.name': 'monitoring' },
} as const satisfies PlatformProps
