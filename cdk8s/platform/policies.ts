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

/** What differs between installations. */
export interface PolicyOptions {
  /** Whether the relay runs here; the manager may reach another one at any address otherwise. */
  readonly hasRelay: boolean
  /** Whether managers of other clusters connect to this relay, from any address. */
  readonly isRelayShared: boolean
  /** The namespaces from which metrics are read, by their labels. */
  readonly metricsFrom: Readonly<Record<string, string>>
}

/** NetworkPolicies of the platform's namespace: nothing passes but what the processes need. */
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
/** Whole namespaces where a construct made them; elsewhere the pods that an injection labelled. */
const ENVIRONMENTS = [{ namespaceSelector: LABELLED }, { namespaceSelector: {}, podSelector: LABELLED }]

function managerPolicy(options: PolicyOptions): Manifest {
  const ownRelay = { to: [component('relay')], ports: tcp(RELAY_TUNNEL_PORT) }
  return policy('manager', 'manager', {
    podSelector: { matchLabels: selectorOf('manager') },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ from: [SIDECARS], ports: tcp(MANAGER_ROUTES_PORT) }, metrics(options, MANAGER_ADMIN_PORT)],
    egress: [
      DNS,
      // The API server's address is nobody's to know here; nor is that of a relay elsewhere.
      { ports: tcp(443, 6443) },
      // Previews: the services of environments, and of nothing else.
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
    // It waits for managers to connect, and dials nobody.
    egress: [],
  })
}

/**
 * The manager's rights: in the whole cluster it reads what it plans from, writes statuses and Events, and
 * checks sidecars' tokens; in the platform's namespace it holds the Lease of its replicas.
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

// A copy: manifests are plain data that a construct may change.
const rulesOf = (rules: readonly PermissionRule[]): object[] => structuredClone([...rules])
