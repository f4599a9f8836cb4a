import { AuthorizationV1Api, KubeConfig } from '@kubernetes/client-node'
import { MANAGER_SERVICE, PLATFORM_NAMESPACE } from '@branchline/wire/names'
import { MANAGER_CLUSTER_RULES, MANAGER_NAMESPACE_RULES } from '@branchline/wire/permissions'
import { context, kube } from '../../harness/kind/cluster.ts'

const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'] as const
/** Rights that an attacker would want, and that `kubectl api-resources` does not list. */
const UNLISTED = [
  ['', 'pods/exec', 'create'],
  ['', 'pods/portforward', 'create'],
  ['', 'pods/log', 'get'],
  ['', 'pods/ephemeralcontainers', 'patch'],
  ['', 'nodes/proxy', 'get'],
  ['', 'services/proxy', 'create'],
  ['', 'serviceaccounts/token', 'create'],
  ['', 'users', 'impersonate'],
  ['', 'namespaces/finalize', 'update'],
  ['apps', 'deployments/scale', 'patch'],
  ['branchline.dev', 'environments/status', 'patch'],
  ['branchline.dev', 'previews/status', 'patch'],
  ['branchline.dev', 'environments/finalizers', 'update'],
  ['authentication.k8s.io', 'tokenreviews', 'create'],
  ['rbac.authorization.k8s.io', 'clusterroles', 'escalate'],
  ['rbac.authorization.k8s.io', 'clusterroles', 'bind'],
] as const
const USER = `system:serviceaccount:${PLATFORM_NAMESPACE}:${MANAGER_SERVICE}`
const CONCURRENCY = 16

interface Right {
  readonly group: string
  readonly resource: string
  readonly verb: string
  readonly namespace: string
}

/** Queries the API server's authorizer for the manager's rights, and returns those that differ from its rules. */
export async function checkRights(): Promise<{ checked: number; allowed: string[]; wrong: string[] }> {
  const config = new KubeConfig()
  config.loadFromDefault()
  config.setCurrentContext(context())
  const api = config.makeApiClient(AuthorizationV1Api)
  const rights = await allRights()
  const allowed: string[] = []
  const wrong: string[] = []
  const review = async ({ group, resource, verb, namespace }: Right): Promise<void> => {
    const [name = '', subresource] = resource.split('/')
    const sub = subresource === undefined ? {} : { subresource }
    const resourceAttributes = { group, resource: name, ...sub, verb, namespace }
    const result = await api.createSubjectAccessReview({
      body: {
        spec: { user: USER, groups: ['system:serviceaccounts', 'system:authenticated'], resourceAttributes },
      },
    })
    const is = result.status?.allowed === true
    const line = `${verb} ${resource}.${group} in ${namespace === '' ? 'all namespaces' : namespace}`
    if (is) allowed.push(line)
    if (is !== isNeeded({ group, resource, verb, namespace }))
      wrong.push(`${line}: ${is ? 'allowed' : 'denied'}`)
  }
  const rest = [...rights]
  const worker = async (): Promise<void> => {
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) await review(next)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  return { checked: rights.length, allowed, wrong }
}

/** Returns every verb on every resource of the cluster, in all namespaces and in the platform's namespace. */
async function allRights(): Promise<Right[]> {
  const names = (await kube('api-resources', '-o', 'name', '--verbs=list')).trim().split('\n')
  const listed = names.flatMap((name) => {
    const [resource = '', ...group] = name.split('.')
    return VERBS.map((verb) => [group.join('.'), resource, verb] as const)
  })
  return [...listed, ...UNLISTED].flatMap(([group, resource, verb]) =>
    ['', PLATFORM_NAMESPACE].map((namespace) => ({ group, resource, verb, namespace })),
  )
}

function isNeeded({ group, resource, verb, namespace }: Right): boolean {
  const own = MANAGER_NAMESPACE_RULES.filter(({ resourceNames }) => resourceNames === undefined)
  return [...MANAGER_CLUSTER_RULES, ...(namespace === PLATFORM_NAMESPACE ? own : [])].some(
    ({ apiGroups, resources, verbs }) =>
      apiGroups.includes(group) && resources.includes(resource) && verbs.includes(verb),
  )
}
