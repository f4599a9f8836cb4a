import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
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
/** A script for a sidecar's container, because a sidecar shows its table only to its own pod. */
const PRINT_TABLE = `
  require('node:http').get('http://127.0.0.1:${SIDECAR_ADMIN_PORT}/table', { timeout: 5000 },
    (response) => response.pipe(process.stdout));
`
/** Limit of the whole collection, in milliseconds. Evidence that takes longer is omitted. */
const COLLECT_TIMEOUT_MS = 60_000
/** The largest number of pods that are described. */
const MAX_PODS = 150
/** The number of last lines of a container that are kept, and their bytes. */
const LOG_LINES = 2_000
const LOG_BYTES = 1024 * 1024
/** The number of newest folders that are kept. */
const MAX_FOLDERS = 20

/**
 * Collects evidence of a failure in a new folder of `parent`: events, descriptions, the logs of every container and the
 * route table of every sidecar. Returns the folder. Takes at most a minute, and keeps only the newest twenty folders.
 */
export async function collectEvidence(context: string, parent: string): Promise<string> {
  const name = new Date().toISOString().replaceAll(':', '-')
  const folder = join(parent, name)
  await mkdir(folder, { recursive: true })
  const signal = AbortSignal.timeout(COLLECT_TIMEOUT_MS)
  const kubectl = async (...args: string[]): Promise<string> => {
    if (signal.aborted) return ''
    const all = ['--context', context, '--request-timeout=10s', ...args]
    const { stdout, stderr } = await $({ signal })`kubectl ${all}`.quiet().nothrow()
    return stdout + stderr
  }
  const keep = async (file: string, text: string): Promise<void> =>
    text === '' ? undefined : writeFile(join(folder, file), text)
  const list = await kubectl('get', 'pods', '-A', '-o', 'json')
  await keep(
    'objects.txt',
    await kubectl('get', 'env,pvw,deploy,sts,svc,endpointslices,pods', '-A', '-o', 'wide'),
  )
  await keep('events.txt', await kubectl('get', 'events', '-A', '--sort-by=.lastTimestamp'))
  await keep('resources.yaml', await kubectl('get', 'env,pvw', '-A', '-o', 'yaml'))
  for (const { metadata, spec } of podsOf(list)) {
    const { namespace, name: pod } = metadata
    const at = ['-n', namespace, pod]
    for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
      const limits = [`--tail=${LOG_LINES}`, `--limit-bytes=${LOG_BYTES}`]
      const log = await kubectl('logs', ...at, '-c', container.name, ...limits)
      await keep(`${namespace}.${pod}.${container.name}.log`, log)
    }
    await keep(`${namespace}.${pod}.describe.txt`, await kubectl('describe', 'pod', ...at))
    if (!spec.initContainers?.some((container) => container.name === SIDECAR_CONTAINER)) continue
    const sidecar = ['-c', SIDECAR_CONTAINER, '--', 'node', '-e', PRINT_TABLE]
    await keep(`${namespace}.${pod}.table.json`, await kubectl('exec', ...at, ...sidecar))
  }
  await removeOldest(parent)
  return folder
}

function podsOf(list: string): PodList['items'] {
  try {
    return (JSON.parse(list) as PodList).items
      .filter(({ metadata }) => !SYSTEM.has(metadata.namespace))
      .slice(0, MAX_PODS)
  } catch {
    // The API server does not respond. The files of events and objects state that.
    return []
  }
}

async function removeOldest(parent: string): Promise<void> {
  const folders = (await readdir(parent)).toSorted()
  for (const name of folders.slice(0, -MAX_FOLDERS)) await rm(join(parent, name), { recursive: true })
}
