import { GROUP, MANAGER_SERVICE } from './names.ts'

/** A rule of Kubernetes' RBAC (rbac.authorization.k8s.io/v1, PolicyRule). */
export interface PermissionRule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
  readonly resourceNames?: readonly string[]
}

/** The Lease over which the manager's replicas elect one, in the platform's namespace. */
export const MANAGER_LEASE = MANAGER_SERVICE

/**
 * All that the manager may do in the whole cluster: see what it plans from, write statuses, delete environments
 * whose time has ended, ask whose a token is, and tell people by Events. No secrets, no writes of anybody's spec. The manager's tests hold every
 * request of its own against these rules; the Platform construct grants them.
 */
export const MANAGER_CLUSTER_RULES: readonly PermissionRule[] = [
  { apiGroups: [GROUP], resources: ['environments', 'previews'], verbs: ['list', 'watch'] },
  { apiGroups: [GROUP], resources: ['environments'], verbs: ['delete'] },
  { apiGroups: [GROUP], resources: ['environments/status', 'previews/status'], verbs: ['patch'] },
  { apiGroups: [''], resources: ['namespaces', 'services', 'pods'], verbs: ['list', 'watch'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create'] },
]

/** What it may do in the platform's namespace alone. A name cannot be demanded of what is created. */
export const MANAGER_NAMESPACE_RULES: readonly PermissionRule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: [MANAGER_LEASE],
    verbs: ['get', 'update'],
  },
]
