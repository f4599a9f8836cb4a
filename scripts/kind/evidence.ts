import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { $ } from 'zx'
import { SIDECAR_ADMIN_PORT, SIDECAR_CONTAINER } from '@branchline/wire/names'

interface PodList {
  items: {
    metadata: { namespace: string; name: string }
    spec: { initContainers?: { name: string }[]; containers: { name: string }[] }
  }[]
}

const SYSTEM = new Set([
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
  'argocd',
  'git',
])

/**
 * Keeps what explains a failure in a folder: events, descriptions, the logs of every container and the route
 * table of every sidecar. Returns the folder.
 */
export async function collectEvidence(context: string, parent: string): Promise<string> {
  const folder = join(parent, new Date().toISOString().replaceAll(':', '-'))
  await mkdir(folder, { recursive: true })
  const kubectl = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await $`kubectl --context ${context} ${args}`.quiet().nothrow()
    return stdout + stderr
  }
  const keep = async (name: string, text: string): Promise<void> => writeFile(join(folder, name), text)
  await keep('events.txt', await kubectl('get', 'events', '-A', '--sort-by=.lastTimestamp'))
  await keep(
    'objects.txt',
    await kubectl('get', 'env,pvw,deploy,sts,svc,endpointslices,pods', '-A', '-o', 'wide'),
  )
  await keep('resources.yaml', await kubectl('get', 'env,pvw', '-A', '-o', 'yaml'))
  const pods = JSON.parse(
    (await $`kubectl --context ${context} get pods -A -o json`.quiet()).stdout,
  ) as PodList
  for (const { metadata, spec } of pods.items.filter(({ metadata }) => !SYSTEM.has(metadata.namespace))) {
    const { namespace, name } = metadata
    const at = ['-n', namespace, name]
    await keep(`${namespace}.${name}.describe.txt`, await kubectl('describe', 'pod', ...at))
    for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
      const log = await kubectl('logs', ...at, '-c', container.name, '--tail=2000')
      await keep(`${namespace}.${name}.${container.name}.log`, log)
    }
    if (!spec.initContainers?.some((container) => container.name === SIDECAR_CONTAINER)) continue
    const proxy = `/api/v1/namespaces/${namespace}/pods/${name}:${SIDECAR_ADMIN_PORT}/proxy/table`
    await keep(`${namespace}.${name}.table.json`, await kubectl('get', '--raw', proxy))
  }
  return folder
}
