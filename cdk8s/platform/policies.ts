import {
  LABELS,
  MANAGER_ADMIN_PORT,
  MANAGER_ROUTES_PORT,
  PLATFORM_NAMESPACE,
  RELAY_ADMIN_PORT,
  RELAY_HTTP_PORT,
  RELAY_TUNNEL_PORT,
} from '@branchline/wire/names'
import {
  MANAGER_CLUSTER_RULES,
  MANAGER_NAMESPACE_RULES,
  type PermissionRule,
} from '@branchline/wire/permissions'
import type { Manifest } from '../inject/manifest.ts'
import { metadataOf, selectorOf } from './process.ts'

/** Options that differ between installations. */
export interface PolicyOptions {
  /** Whether the relay runs here. Otherwise the manager may connect to a relay at any address. */
  readonly hasRelay: boolean
  /** Whether managers of other clusters may connect to this relay, from any address. */
  readonly isRelayShared: boolean
  /** The namespaces that may read metrics, by their labels. */
  readonly metricsFrom: Readonly<Record<string, string>>
}

/** Returns NetworkPolicies of the platform's namespace, which allow only the traffic that the processes need. */
export function policyManifests(options: PolicyOptions): Manifest[] {
  return [
    policy('default-deny', 'platform', {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    }),
    managerPolicy(options),
    ...(options.hasRelay ? [relayPolicy(options)] : []),
  ]
}

const policy = (name: string, component: string, spec: object): Manifest => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: metadataOf(`branchline-${name}`, component),
  spec,
})

const tcp = (...ports: number[]): object[] => ports.map((port) => ({ protocol: 'TCP', port }))
const component = (name: string): object => ({ podSelector: { matchLabels: selectorOf(name) } })
const metrics = (options: PolicyOptions, port: number): object => ({
  from: [{ namespaceSelector: { matchLabels: options.metricsFrom } }],
  ports: tcp(port),
})
const DNS = {
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

function relayPolicy(options: PolicyOptions): Manifest {
  const tunnel = { ports: tcp(RELAY_TUNNEL_PORT) }
  return policy('relay', 'relay', {
    podSelector: { matchLabels: selectorOf('relay') },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [
      { ports: tcp(RELAY_HTTP_PORT) },
      options.isRelayShared ? tunnel : { ...tunnel, from: [component('manager')] },
      metrics(options, RELAY_ADMIN_PORT),
    ],
    // Managers connect to the relay. The relay connects to no one.
    egress: [],
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
