import type { Manifest } from '@branchline/cdk8s/inject'
import { API_VERSION } from '@branchline/wire/names'
import { parseEnvironment } from '@branchline/wire/resources/parse'
import { environmentsAbove } from '@branchline/wire/resources/validate'
import { KubernetesObjectApi } from '@kubernetes/client-node'
import { clusterError } from '../target/cluster-error.ts'
import { type ClusterChoice, ClusterTarget } from '../target/cluster.ts'
import { withoutLiveDefaults } from './live-defaults.ts'

/** The kinds that an override copies. Not Secrets: their values do not leave the cluster. */
const KINDS: readonly (readonly [apiVersion: string, kind: string])[] = [
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'StatefulSet'],
  ['apps/v1', 'DaemonSet'],
  ['v1', 'Service'],
  ['v1', 'ConfigMap'],
  ['v1', 'ServiceAccount'],
  ['v1', 'PersistentVolumeClaim'],
]
/** The number of objects in one response. */
const PAGE_SIZE = 500
/** The maximum number of objects of one kind that are read. */
const MAX_OBJECTS = 10_000

/**
 * Reads the environments of a cluster, and the objects of the namespaces of one environment and of those above it, as a
 * person would write them. Rejects with a CliError that names the cluster.
 */
export async function readCluster(base: string, choice: ClusterChoice): Promise<Manifest[]> {
  const { config, name } = ClusterTarget.open(choice)
  const api = KubernetesObjectApi.makeApiClient(config)
  const list = async (apiVersion: string, kind: string, namespace?: string): Promise<Manifest[]> => {
    try {
      return await listAll(api, apiVersion, kind, namespace)
    } catch (error) {
      throw clusterError(`list ${kind}s`, name, config.getCurrentCluster()?.server ?? '', error)
    }
  }
  const resources = await list(API_VERSION, 'Environment')
  const environments = resources.flatMap((manifest) => parseEnvironment(manifest).value ?? [])
  const byName = new Map(environments.map((it) => [it.metadata.name, it]))
  const found = byName.get(base)
  const chain = found === undefined ? [] : [found, ...environmentsAbove(found, byName)]
  const objects: Manifest[] = chain.length === 0 ? [] : await list('v1', 'Namespace')
  for (const { metadata } of chain) {
    for (const [apiVersion, kind] of KINDS)
      objects.push(...(await list(apiVersion, kind, metadata.namespace)))
  }
  return [...resources, ...objects.map(withoutLiveDefaults)]
}

async function listAll(
  api: KubernetesObjectApi,
  apiVersion: string,
  kind: string,
  namespace: string | undefined,
): Promise<Manifest[]> {
  const found: Manifest[] = []
  const none = undefined
  let next: string | undefined
  do {
    const page = await api.list(apiVersion, kind, namespace, none, none, none, none, none, PAGE_SIZE, next)
    // The client makes objects of its own classes, with Dates. Items of a list have no kind.
    for (const item of page.items)
      found.push({ ...(JSON.parse(JSON.stringify(item)) as Manifest), apiVersion, kind })
    next = page.metadata?._continue
    if (found.length > MAX_OBJECTS) throw new Error(`there are more than ${MAX_OBJECTS}: use --from FOLDER`)
  } while (next !== undefined && next !== '')
  return found
}
