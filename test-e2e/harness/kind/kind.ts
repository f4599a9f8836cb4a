import { join } from 'node:path'
import type { KubernetesObject, V1Pod } from '@kubernetes/client-node'
import { MANAGER_SERVICE, PLATFORM_NAMESPACE, SIDECAR_FIRST_INBOUND_PORT } from '@branchline/wire/names'
import type { PodProcess, Running, Target } from '../target.ts'
import { until } from '../until.ts'
import type { Visit } from '../visit.ts'
import { check, problemLine } from 'branchline/commands/check.ts'
import { collectWith, keepEvidence } from '../evidence.ts'
import { Api } from './api.ts'
import { collectEvidence } from './evidence.ts'
import { FolderSync } from './folder.ts'
import { killContainer, kubectl, processesOf } from './processes.ts'

const CHANGE_TIMEOUT_MS = 90_000
const EVIDENCE = join(import.meta.dirname, '../../../kind/out')
/** Namespaces of the previous story may still be terminating. */
const SYNC_TIMEOUT_MS = 90_000

/** The objects that the last story applied. The next story keeps those that it needs, and deletes the others. */
let left: readonly KubernetesObject[] = []

/**
 * A Kubernetes cluster on which the platform already runs (`npm run kind:up`). A story's folder is applied to it. Objects
 * of the previous story that this one does not have are deleted. Common objects stay, and are ready immediately.
 */
export const kind: Target = {
  name: 'kind',
  async start(folder: string): Promise<Running> {
    const context = process.env['BRANCHLINE_CONTEXT'] ?? 'kind-branchline'
    const api = new Api(context)
    collectWith(() => collectEvidence(context, EVIDENCE))
    if (left.length === 0) left = await environmentNamespaces(api)
    const sync = new FolderSync(api, folder, left)
    await synced(sync)
    return running(api, { context, folder, sync })
  },
}

/** An apply during a story would undo the changes of the story. */
async function synced(sync: FolderSync): Promise<void> {
  const timeout = AbortSignal.timeout(SYNC_TIMEOUT_MS)
  const late = new Promise<never>((_, reject) =>
    timeout.addEventListener('abort', () => reject(new Error(`not applied: ${sync.problems.join('; ')}`))),
  )
  try {
    await Promise.race([sync.synced, late])
  } catch (error) {
    await keepEvidence()
    await sync.stop()
    throw error
  }
}

/** The namespaces with Environments of an earlier run that was interrupted. */
async function environmentNamespaces(api: Api): Promise<KubernetesObject[]> {
  const names = new Set((await api.environments()).map(({ metadata }) => metadata.namespace))
  return [...names].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }))
}

interface Started {
  readonly context: string
  readonly folder: string
  readonly sync: FolderSync
}

function running(api: Api, { context, folder, sync }: Started): Running {
  const environment = async (name: string) =>
    (await api.environments()).find(({ metadata }) => metadata.name === name)
  const message = async (name: string): Promise<string | undefined> => {
    const ready = (await environment(name))?.status?.conditions?.find(({ type }) => type === 'Ready')
    return ready?.status === 'True' ? undefined : ready?.message
  }
  return {
    changeTimeoutMs: CHANGE_TIMEOUT_MS,
    previewUrl: (name, preview, timeoutMs) => previewUrl(api, name, preview, timeoutMs),
    overrides: async (name) => (await environment(name))?.status?.overrides ?? [],
    message,
    showsCallers: true,
    unreached: async (name) => {
      const conditions = (await environment(name))?.status?.conditions
      const found = conditions?.find(({ type }) => type === 'OverrideUnreached')
      return found?.status === 'True' ? found.message : undefined
    },
    // Problems of `branchline check`, as in CI before an apply, of the API server, and of the manager.
    problems: async () => [
      ...(await check(folder)).problems.map(problemLine),
      ...sync.problems,
      ...(await faults(api)),
    ],
    processes: async () => (await api.pods()).flatMap(processesOf),
    kill: async (process: PodProcess) => killContainer(await api.pods(), process),
    inside: async (namespace, service, path, headers) =>
      inside(context, await api.pods(), { namespace, service, path, headers }),
    describe: () => describe(api, context, sync),
    stop: async () => {
      await sync.stop()
      left = sync.objects
    },
    traces: () => ({ ports: [], pids: [], folders: [] }),
  }
}

async function previewUrl(
  api: Api,
  environment: string,
  preview: string,
  timeoutMs: number,
): Promise<string> {
  const ask = async (): Promise<string> => {
    const found = (await api.previews()).find(
      ({ metadata }) => metadata.namespace === environment && metadata.name === preview,
    )
    const ready = found?.status?.conditions?.find(({ type }) => type === 'Ready')
    const url = found?.status?.url
    if (url === undefined || ready?.status !== 'True') {
      throw new Error(`preview ${environment}/${preview}: ${ready?.message ?? 'not there'}`)
    }
    return url
  }
  return (await until(`preview ${environment}/${preview}`, ask, timeoutMs)).value
}

async function faults(api: Api): Promise<string[]> {
  const all = [...(await api.environments()), ...(await api.previews())]
  return all.flatMap(({ metadata, status }) => {
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')
    // A deletion is not a fault: the namespaces of the previous story take half a minute.
    return ready === undefined || ready.status === 'True' || ready.reason === 'Terminating'
      ? []
      : [`${metadata.namespace}/${metadata.name}: ${ready.message}`]
  })
}

const isReady = ({ status }: V1Pod): boolean =>
  status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false

/**
 * Sends a GET from a manager's pod, whose image has Node, because a sidecar listens on its pod's address. A manager
 * belongs to no environment, so the request says nothing about any service.
 */
async function inside(
  context: string,
  pods: readonly V1Pod[],
  request: { namespace: string; service: string; path: string; headers: object },
): Promise<Visit> {
  const { namespace, service, path, headers } = request
  const isOf = (pod: V1Pod): boolean =>
    pod.metadata?.namespace === namespace &&
    pod.metadata.name?.startsWith(`${service}-`) === true &&
    pod.metadata.deletionTimestamp === undefined &&
    isReady(pod)
  const target = pods.find(isOf)
  const from = pods.find(
    (pod) =>
      pod.metadata?.namespace === PLATFORM_NAMESPACE &&
      isReady(pod) &&
      pod.metadata.name?.startsWith(`${MANAGER_SERVICE}-`),
  )
  if (target?.status?.podIP === undefined) throw new Error(`no pod of ${service} in ${namespace} is ready`)
  if (from?.metadata?.name === undefined) throw new Error('no pod of the manager is ready')
  const script = `
    const [host, port, path, headers] = process.argv.slice(1);
    require('node:http').get({ host, port, path, headers: JSON.parse(headers), timeout: 15000 }, (response) => {
      let body = ''; response.setEncoding('utf8').on('data', (text) => (body += text)).on('end', () =>
        console.log(JSON.stringify({ status: response.statusCode, headers: response.headers, body })));
    });`
  const args = [target.status.podIP, String(SIDECAR_FIRST_INBOUND_PORT), path, JSON.stringify(headers)]
  const at = ['-n', PLATFORM_NAMESPACE, from.metadata.name, '-c', 'manager']
  return JSON.parse(await kubectl(context, 'exec', ...at, '--', 'node', '-e', script, ...args)) as Visit
}

async function describe(api: Api, context: string, sync: FolderSync): Promise<string> {
  const objects = await kubectl(context, 'get', 'env,pvw,deploy,svc,pods', '-A', '-o', 'wide')
  return [objects, ...sync.problems, ...(await faults(api))].join('\n')
}
