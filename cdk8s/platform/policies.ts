import {
  LABELS,
  MANAGER_ADMIN_PORT,
  MANAGER_ROUTES_PORT,
  PLATFORM_NAMESPACE,
  RELAY_TUNNEL_PORT,
} from '@branchline/wire/names'
import {
  MANAGER_CLUSTER_RULES,
  MANAGER_NAMESPACE_RULES,
  type PermissionRule,
} from '@branchline/wire/permissions'
import type { Manifest } from '../inject/manifest.ts'
import { metadataOf, selectorOf } from './process.ts'
import type { PortRange } from './props.ts'

/** Options that differ between installations. */
export interface PolicyOptions {
  /** Whether the relay runs here. Otherwise the manager may connect to a relay at any address. */
  readonly hasRelay: boolean
  /** Whether managers of other clusters may connect to this relay, from any address. */
  readonly isRelayShared: boolean
  /** The namespaces that may read metrics, by their labels. */
  readonly metricsFrom: Readonly<Record<string, string>>
  /** The namespaces that may use the relay's API. Undefined: none. */
  readonly apiFrom: Readonly<Record<string, string>> | undefined
  /** The port of the PostgreSQL of coordinators that are not also workers. Undefined: there are none. */
  readonly databasePort: number | undefined
  /** The ports of circuits. Undefined: none. */
  readonly ports: PortRange | undefined
  /** Addresses (CIDR) that circuits may name as targets. */
  readonly allowTargets: readonly string[]
}

/** Returns NetworkPolicies of the platform's namespace, which allow only the traffic that the processes need. */
export function policyManifests(options: PolicyOptions): Manifest[] {
  return [
    policy('default-deny', 'platform', {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    }),
    managerPolicy(options),
  ]
}

/** Makes a NetworkPolicy. */
export const policy = (name: string, component: string, spec: object): Manifest => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: metadataOf(`branchline-${name}`, component),
  spec,
})

/** Ports of TCP. */
export const tcp = (...ports: number[]): object[] => ports.map((port) => ({ protocol: 'TCP', port }))
/** The pods of a component, in the platform's namespace. */
export const component = (name: string): object => ({ podSelector: { matchLabels: selectorOf(name) } })
/** Lets the namespaces of {@link PolicyOptions.metricsFrom} reach a port. */
export const metrics = (options: PolicyOptions, port: number): object => ({
  from: [{ namespaceSelector: { matchLabels: options.metricsFrom } }],
  ports: tcp(port),
})
/** Lets pods resolve names. */
export const DNS = {
  to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } }],
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
}
const SIDECARS = { namespaceSelector: {}, podSelector: { matchLabels: { [LABELS.sidecar]: 'true' } } }
const LABELLED = { matchExpressions: [{ key: LABELS.environment, operator: 'Exists' }] }
/** The pods of environments: whole namespaces of constructs, and pods that an injection labelled elsewhere. */
const ENVIRONMENTS = [{ namespaceSelector: LABELLED }, { namespaceSelector: {}, podSelector: LABELLED }]

function managerPolicy(options: PolicyOptions): Manifest {
  const ownRelay = { to: [component('relay')], ports: tcp(RELAY_TUNNEL_PORT) }
  return policy('manager', 'manager', {
    podSelector: { matchLabels: selectorOf('manager') },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ from: [SIDECARS], ports: tcp(MANAGER_ROUTES_PORT) }, metrics(options, MANAGER_ADMIN_PORT)],
    egress: [
      DNS,
      // The addresses of the API server and of a relay elsewhere are not known here.
      { ports: tcp(443, 6443) },
      // Previews: only pods of environments.
      { to: ENVIRONMENTS },
      ...(options.hasRelay ? [ownRelay] : [{ ports: tcp(RELAY_TUNNEL_PORT) }]),
    ],
  })
}

/**
 * Returns the manager's RBAC. In the whole cluster the manager reads the objects that it plans from, writes statuses and
 * Events, deletes expired environments, and reviews tokens. In the platform's namespace it holds its Lease.
 */
export function rbacManifests(name: string): Manifest[] {
  const apiVersion = 'rbac.authorization.k8s.io/v1'
  const metadata = metadataOf(name, 'manager')
  const clusterMetadata = { ...metadata, namespace: undefined }
  const roleRef = (kind: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name })
  const subjects = [{ kind: 'ServiceAccount', name, namespace: PLATFORM_NAMESPACE }]
  return [
    { apiVersion, kind: 'ClusterRole', metadata: clusterMetadata, rules: rulesOf(MANAGER_CLUSTER_RULES) },
    {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: clusterMetadata,
      roleRef: roleRef('ClusterRole'),
      subjects,
    },
    { apiVersion, kind: 'Role', metadata, rules: rulesOf(MANAGER_NAMESPACE_RULES) },
    { apiVersion, kind: 'RoleBinding', metadata, roleRef: roleRef('Role'), subjects },
  ]
}

// Returns a copy, because a construct may change manifests.
const rulesOf = (rules: readonly PermissionRule[]): object[] => structuredClone([...rules])
