import type { SettingName } from '@branchline/wire/settings/table'

/** The location of a credential: a Secret in the platform's namespace, and one of its keys. */
export interface SecretKey {
  readonly secret: string
  readonly key: string
}

/** A range of ports, both ends included. */
export interface PortRange {
  readonly from: number
  readonly to: number
}

export interface RelayProps {
  /** The domain of preview URLs. Default: `localhost`. */
  readonly domain?: string
  /** The URL at which visitors reach the relay, with scheme, domain and port. Default: `http://<domain>:8080`. */
  readonly publicUrl?: string
  /** The type of the Service for visitors. Default: `ClusterIP`, for an Ingress or Gateway of yours. */
  readonly expose?: Expose
  /** The port on each node, for `NodePort`. Default: Kubernetes chooses one. */
  readonly nodePort?: number
  /** Annotations of the Service for visitors, such as those of a load balancer. Default: none. */
  readonly annotations?: Readonly<Record<string, string>>
  /** Whether managers of other clusters may connect. Default: false. */
  readonly shared?: boolean
  /**
   * The Secret with the URL of a PostgreSQL, `postgres://…`. Coordinators keep their state there, and workers carry the
   * traffic. Default: one process with both roles and a PostgreSQL of its own, for trials.
   */
  readonly databaseUrl?: SecretKey
  /** The port of that PostgreSQL, to which the NetworkPolicies let coordinators connect. Default: 5432. */
  readonly databasePort?: number
  /** The number of workers, with `databaseUrl`. Default: 2. */
  readonly replicas?: number
  /** With `databaseUrl`. */
  readonly coordinators?: CoordinatorProps
  /**
   * The token with which workers join, `blj_…`, with `databaseUrl`: a Secret that coordinators and workers read. Default:
   * key `token` of the Secret `branchline-relay-join`.
   */
  readonly joinToken?: SecretKey
  /** The Secret with an API key of all rights, `blk_…`. Default: none, and `--new-owner-key` in a pod makes one. */
  readonly ownerKey?: SecretKey
  /**
   * Without `databaseUrl`: the PersistentVolumeClaim, in the platform's namespace, of the relay's state. Default: a volume
   * that lasts as long as the pod.
   */
  readonly stateClaim?: string
  /** The ports for circuits with a port of their own. No Service leads to them: make one that names them. Default: none. */
  readonly ports?: PortRange
  /** Private addresses (CIDR) that circuits may name as targets. NetworkPolicies open them too. Default: none. */
  readonly allowTargets?: readonly string[]
  /** How long a pod of the relay has to stop. More than the setting `drain-timeout`. Default: 40. */
  readonly terminationGracePeriodSeconds?: number
  /** Whether visitors may ask which versions served a request (`x-branchline-route: 1`). Default: deny. */
  readonly routeExplain?: 'allow' | 'deny'
  /**
   * The header in which sidecars also read a key (SidecarOptions.header). The relay removes it from visitors' requests.
   * Default: none.
   */
  readonly header?: string
  /** Waits and sizes, such as `{ 'head-timeout': '5s' }`. Default: those of the settings' table. */
  readonly settings?: Readonly<Partial<Record<SettingName, string>>>
  /** What its container asks for, in place of the whole default. Default: 50m, 160Mi; at most 512Mi. */
  readonly resources?: Resources
}

/** Processes that keep the relay's state and serve its API. */
interface CoordinatorProps {
  /** The number of replicas, one of which leads. Default: 2. */
  readonly replicas?: number
  /** What its container asks for, in place of the whole default. Default: 50m, 128Mi; at most 512Mi. */
  readonly resources?: Resources
}

/** The types of the Service for visitors. */
export const EXPOSE = ['ClusterIP', 'NodePort', 'LoadBalancer'] as const
type Expose = (typeof EXPOSE)[number]

/** Resources of a container (Kubernetes `core/v1`, ResourceRequirements). */
export type Resources = Readonly<Record<string, unknown>>

/** Images, and how nodes pull them. */
export interface ImageProps {
  /** References that replace the images of this release, such as a mirror or a digest. */
  readonly manager?: string
  readonly relay?: string
  /** Default: the default of Kubernetes, `IfNotPresent` for a tag. */
  readonly pullPolicy?: 'Always' | 'IfNotPresent' | 'Never'
  /** Secrets in the platform's namespace that hold the registry's credentials. Default: none. */
  readonly pullSecrets?: readonly { readonly name: string }[]
}

/** Fields of all pods of the platform (Kubernetes PodSpec). Default: none. */
export interface PodProps {
  readonly nodeSelector?: Readonly<Record<string, string>>
  readonly tolerations?: readonly object[]
  readonly affinity?: object
  readonly priorityClassName?: string
  readonly annotations?: Readonly<Record<string, string>>
}

export interface ManagerProps {
  /** The number of replicas, one of which leads. Default: 2. */
  readonly replicas?: number
  /**
   * Whether the manager accepts a sidecar's token only from the address of its pod. Set it to false if a CNI or kube-proxy
   * translates addresses between pods and the manager. Default: true.
   */
  readonly checkPodAddress?: boolean
  /**
   * Whether statuses, and responses to visitors of a preview, quote the last line of a container that failed. The exit
   * code and the reason are always named. Turn it on only if what apps write contains no secrets. Default: false.
   */
  readonly podMessages?: boolean
  /** What its container asks for, in place of the whole default. Default: 50m, 128Mi; at most 512Mi. */
  readonly resources?: Resources
}

export interface PlatformProps {
  readonly images?: ImageProps
  /** Whether to create the namespace, which enforces the Pod Security Standard `restricted`. Default: true. */
  readonly createNamespace?: boolean
  /** The name of this cluster at the relay. Default: `default`. */
  readonly cluster?: string
  /**
   * The API from which the manager reads. Default: `kubernetes`. `local` is the embedded cluster. It has no RBAC and
   * enforces no NetworkPolicies, so neither is created.
   */
  readonly source?: 'kubernetes' | 'local'
  readonly manager?: ManagerProps
  /** The relay in this cluster, the address of a relay elsewhere (`wss://…`), or false for none. Default: here. */
  readonly relay?: RelayProps | string | false
  /**
   * The token that managers present to the relay: an existing Secret, or a text from which a Secret is created. Use a
   * text only on your own machine, because a text in git is not secret. Default: key `token` of the Secret
   * `branchline-relay-token`.
   */
  readonly relayToken?: SecretKey | string
  readonly pods?: PodProps
  /** Whether to create NetworkPolicies that allow only what the manager and the relay need. Default: true. */
  readonly networkPolicies?: boolean
  /** The namespaces that may read metrics, by their labels. Default: the namespace `monitoring`. */
  readonly metricsFrom?: Readonly<Record<string, string>>
  /**
   * The namespaces that may use the relay's API, by their labels. Default: none. `kubectl port-forward` works without.
   */
  readonly apiFrom?: Readonly<Record<string, string>>
  /** Whether to create PodMonitors, which need the CRDs of the Prometheus operator. Default: false. */
  readonly monitors?: boolean
  /** Default: info. */
  readonly logLevel?: string
}

const RESOURCES: Resources = { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } }

/** Defaults of the platform's properties. */
export const PLATFORM_DEFAULTS = {
  cluster: 'default',
  manager: { replicas: 2, resources: RESOURCES },
  relay: {
    domain: 'localhost',
    expose: 'ClusterIP',
    databasePort: 5432,
    replicas: 2,
    coordinators: { replicas: 2, resources: RESOURCES },
    joinToken: { secret: 'branchline-relay-join', key: 'token' },
    terminationGracePeriodSeconds: 40,
    // Its own PostgreSQL needs 20 MiB.
    resources: { requests: { cpu: '50m', memory: '160Mi' }, limits: { memory: '512Mi' } },
  },
  relayToken: { secret: 'branchline-relay-token', key: 'token' },
  /** The usual namespace of Prometheus. */
  metricsFrom: { 'kubernetes.io/metadata.name': 'monitoring' },
} as const satisfies PlatformProps
