import { GROUP, PLATFORM_NAMESPACE } from '@branchline/wire/names'
import { type Attempt, type CheckResult, valueOr } from './cluster-result.ts'

/** Something that a user may be allowed to do (authorization.k8s.io/v1, ResourceAttributes). */
export interface Right {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly namespace?: string
}

/** What `kubectl apply` of an installation needs. */
export const INSTALL_RIGHTS: readonly Right[] = [
  { verb: 'create', group: '', resource: 'namespaces' },
  { verb: 'create', group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
  { verb: 'create', group: 'rbac.authorization.k8s.io', resource: 'clusterroles' },
  { verb: 'create', group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings' },
  ...(
    [
      ['apps', 'deployments'],
      ['', 'services'],
      ['', 'serviceaccounts'],
      ['', 'secrets'],
      ['rbac.authorization.k8s.io', 'roles'],
      ['rbac.authorization.k8s.io', 'rolebindings'],
      ['networking.k8s.io', 'networkpolicies'],
      ['policy', 'poddisruptionbudgets'],
    ] as const
  ).map(([group, resource]): Right => ({ verb: 'create', group, resource, namespace: PLATFORM_NAMESPACE })),
]

/** What the commands of a user need: get and describe, logs, restart, env pause and delete. */
export const USER_RIGHTS: readonly Right[] = [
  { verb: 'list', group: GROUP, resource: 'environments' },
  { verb: 'list', group: GROUP, resource: 'previews' },
  { verb: 'list', group: '', resource: 'pods' },
  { verb: 'list', group: '', resource: 'services' },
  { verb: 'get', group: '', resource: 'pods/log' },
  { verb: 'patch', group: 'apps', resource: 'deployments' },
  { verb: 'patch', group: GROUP, resource: 'environments' },
  { verb: 'delete', group: GROUP, resource: 'environments' },
]

/** The body of a SelfSubjectAccessReview for a right. */
export function accessReview({ verb, group, resource, namespace }: Right): object {
  const [name, subresource] = resource.split('/')
  return {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: {
      resourceAttributes: {
        verb,
        group,
        resource: name,
        ...(subresource !== undefined && { subresource }),
        ...(namespace !== undefined && { namespace }),
      },
    },
  }
}

const textOf = ({ verb, resource, namespace }: Right): string =>
  `${verb} ${resource}${namespace === undefined ? '' : ` in ${namespace}`}`

/** One check about all rights of a purpose. `needed` decides whether a missing one is an error or a warning. */
export function rightsCheck(
  name: string,
  reviews: readonly { readonly right: Right; readonly allowed: Attempt<boolean> }[],
  needed: 'error' | 'warning',
): CheckResult {
  const category = 'rights'
  const failed = reviews.find(({ allowed }) => 'problem' in allowed)
  if (failed !== undefined && 'problem' in failed.allowed) {
    const hint = 'ask the administrator of the cluster whether you may create a SelfSubjectAccessReview'
    return { category, name, status: 'warning', detail: failed.allowed.problem, hint }
  }
  const missing = reviews.filter(({ allowed }) => !valueOr(allowed, false)).map(({ right }) => textOf(right))
  if (missing.length === 0) return { category, name, status: 'ok' }
  const hint = 'ask the administrator of the cluster for these rights, or to do this for you'
  return { category, name, status: needed, detail: `you may not: ${missing.join(', ')}`, hint }
}
