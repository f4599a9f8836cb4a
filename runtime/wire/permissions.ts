import { GROUP, MANAGER_SERVICE } from './names.ts'

/** A rule of Kubernetes' RBAC (rbac.authorization.k8s.io/v1, PolicyRule). */
export interface PermissionRule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
  readonly resourceNames?: readonly string[]
}

/** The Lease by which the manager's replicas elect a leader, in the platform's namespace. */
export const MANAGER_LEASE = MANAGER_SERVICE

/**
 * What the manager may do in the whole cluster: watch the objects that it plans from, write statuses, delete expired
 * environments, review tokens, and create Events. It reads no Secrets and writes no spec. The Platform construct grants
 * these rules. The manager's tests check every request of the manager against them.
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

/** What the manager may do only in the platform's namespace. RBAC cannot restrict `create` to a name. */
export const MANAGER_NAMESPACE_RULES: readonly PermissionRule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: [MANAGER_LEASE],
    verbs: ['get', 'update'],
  },
]
