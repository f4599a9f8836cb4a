import {
  MANAGER_ADMIN_PORT,
  MANAGER_ROUTES_PORT,
  MANAGER_SERVICE,
  PLATFORM_NAMESPACE,
  RELAY_ADMIN_PORT,
  RELAY_HTTP_PORT,
  RELAY_SERVICE,
  RELAY_TUNNEL_PORT,
} from '@branchline/wire/names'
import { customResourceDefinitions } from '@branchline/wire/resources/crd'
import { IMAGES } from '../images.ts'
import type { Manifest } from '../inject/manifest.ts'
import { podSecurityLabels } from '../pod-security.ts'
import { monitorManifests } from './monitors.ts'
import { METRICS_FROM, policyManifests, rbacManifests } from './policies.ts'
import { labelsOf, metadataOf, type PlatformProcess, processManifests, selectorOf } from './process.ts'

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
  readonly expose?: 'ClusterIP' | 'NodePort' | 'LoadBalancer'
  /** The port of each node, for `NodePort`. Default: Kubernetes chooses. */
  readonly nodePort?: number
  /** Whether managers of other clusters connect here. Default: false. */
  readonly shared?: boolean
  /** Whether visitors may ask which way a request took (`x-branchline-route: 1`). Default: deny. */
  readonly routeExplain?: 'allow' | 'deny'
}

export interface PlatformProps {
  /** Each image otherwise than this release has it: a mirror, a digest. */
  readonly images?: { readonly manager?: string; readonly relay?: string }
  /** The name of this cluster at the relay. Default: `default`. */
  readonly cluster?: string
  /**
   * Where the manager reads from. Default: `kubernetes`. The embedded cluster is `local`; it has no RBAC and
   * enforces no NetworkPolicy, so there are none.
   */
  readonly source?: 'kubernetes' | 'local'
  /** The relay in this cluster, the address of one elsewhere (`wss://…`), or false for none. Default: here. */
  readonly relay?: RelayProps | string | false
  /**
   * The credential with which managers and relay know each other: a Secret that is there, or a text of which
   * one is made (for a machine of one's own: a text in git is no secret).
   * Default: key `token` of the Secret `branchline-relay-token`.
   */
  readonly relayToken?: SecretKey | string
  /** The namespaces that read metrics, by their labels. Default: the one named `monitoring`. */
  readonly metricsFrom?: Readonly<Record<string, string>>
  /** Whether to add PodMonitors for the Prometheus operator, whose CRDs must be there. Default: false. */
  readonly monitors?: boolean
  /** Default: info. */
  readonly logLevel?: string
}

const TOKEN_SECRET: SecretKey = { secret: 'branchline-relay-token', key: 'token' }

/** All objects of a platform, in the order in which they can be applied. Pure; input is checked before. */
export function platformManifests(props: PlatformProps = {}): Manifest[] {
  const relay = props.relay ?? {}
  const token = typeof props.relayToken === 'object' ? props.relayToken : TOKEN_SECRET
  const hasRelay = typeof relay === 'object'
  return [
    namespace(),
    ...customResourceDefinitions(labelsOf('crd')),
    ...(typeof props.relayToken === 'string' ? [tokenSecret(props.relayToken)] : []),
    ...(props.source === 'local' ? [] : rbacManifests(MANAGER_SERVICE)),
    ...processManifests(managerProcess(props, relay, token)),
    ...(hasRelay ? [...processManifests(relayProcess(props, relay, token)), ...visitorsService(relay)] : []),
    ...(props.source === 'local' ? [] : networkPolicies(props, relay)),
    ...(props.monitors === true ? monitorManifests(hasRelay ? ['manager', 'relay'] : ['manager']) : []),
  ]
}

function networkPolicies(props: PlatformProps, relay: RelayProps | string | false): Manifest[] {
  const hasRelay = typeof relay === 'object'
  return policyManifests({
    hasRelay,
    isRelayShared: hasRelay && relay.shared === true,
    metricsFrom: props.metricsFrom ?? METRICS_FROM,
  })
}

const namespace = (): Manifest => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: PLATFORM_NAMESPACE,
    labels: { ...labelsOf('platform'), ...podSecurityLabels('restricted') },
  },
})

const tokenSecret = (token: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: metadataOf(TOKEN_SECRET.secret, 'platform'),
  type: 'Opaque',
  stringData: { [TOKEN_SECRET.key]: token },
})

const tokenVariable = ({ secret, key }: SecretKey): object => ({
  name: 'BRANCHLINE_RELAY_TOKEN',
  valueFrom: { secretKeyRef: { name: secret, key } },
})

const variables = (said: Readonly<Record<string, string | undefined>>): object[] =>
  Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]))

function managerProcess(
  props: PlatformProps,
  relay: RelayProps | string | false,
  token: SecretKey,
): PlatformProcess {
  const own = `ws://${RELAY_SERVICE}.${PLATFORM_NAMESPACE}.svc.cluster.local:${RELAY_TUNNEL_PORT}`
  return {
    name: MANAGER_SERVICE,
    component: 'manager',
    image: props.images?.manager ?? IMAGES.manager,
    // Two, of which one holds the Lease; the embedded cluster's API knows no Lease.
    replicas: props.source === 'local' ? 1 : 2,
    usesApi: props.source !== 'local',
    env: [
      ...variables({
        BRANCHLINE_SOURCE: props.source ?? 'kubernetes',
        BRANCHLINE_CLUSTER: props.cluster ?? 'default',
        BRANCHLINE_RELAY: typeof relay === 'object' ? own : relay === false ? undefined : relay,
        LOG_LEVEL: props.logLevel,
      }),
      ...(relay === false ? [] : [tokenVariable(token)]),
    ],
    ports: { routes: MANAGER_ROUTES_PORT, admin: MANAGER_ADMIN_PORT },
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
  }
}

function relayProcess(props: PlatformProps, relay: RelayProps, token: SecretKey): PlatformProcess {
  const domain = relay.domain ?? 'localhost'
  return {
    name: RELAY_SERVICE,
    component: 'relay',
    image: props.images?.relay ?? IMAGES.relay,
    replicas: 1,
    usesApi: false,
    env: [
      ...variables({
        BRANCHLINE_DOMAIN: domain,
        BRANCHLINE_PUBLIC_URL: relay.publicUrl ?? `http://${domain}:${RELAY_HTTP_PORT}`,
        BRANCHLINE_ROUTE_EXPLAIN: relay.routeExplain,
        LOG_LEVEL: props.logLevel,
      }),
      tokenVariable(token),
    ],
    ports: { http: RELAY_HTTP_PORT, tunnel: RELAY_TUNNEL_PORT, admin: RELAY_ADMIN_PORT },
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
  }
}

/** For visitors from outside a Service of its own: the tunnel's port is none of theirs. */
function visitorsService(relay: RelayProps): Manifest[] {
  const type = relay.expose ?? 'ClusterIP'
  if (type === 'ClusterIP') return []
  const nodePort = relay.nodePort === undefined ? {} : { nodePort: relay.nodePort }
  const port = { name: 'http', port: RELAY_HTTP_PORT, targetPort: 'http', appProtocol: 'http', ...nodePort }
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadataOf(`${RELAY_SERVICE}-visitors`, 'relay'),
      spec: { type, selector: selectorOf('relay'), ports: [port] },
    },
  ]
}
