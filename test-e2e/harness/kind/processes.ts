import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { V1Pod } from '@kubernetes/client-node'
import type { PodProcess } from '../target.ts'

const run = promisify(execFile)
const MAX_OUTPUT = 16 * 1024 * 1024

/** Runs kubectl. Resolves with standard output. Rejects with standard error. */
export async function kubectl(context: string, ...args: readonly string[]): Promise<string> {
  return (await run('kubectl', ['--context', context, ...args], { maxBuffer: MAX_OUTPUT })).stdout
}

/** Returns the containers of a pod, including sidecars. Terminating pods do not count. */
export function processesOf({ metadata, status }: V1Pod): PodProcess[] {
  if (metadata?.deletionTimestamp !== undefined) return []
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  const ready = status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
  return containers.map(({ name, restartCount, state }) => ({
    namespace: metadata?.namespace ?? '',
    pod: metadata?.name ?? '',
    container: name,
    restarts: restartCount,
    ready,
    running: state?.running !== undefined,
  }))
}

/**
 * Kills a container's first process with SIGKILL from its node. The image has no shell, and the kernel protects the first
 * process of a pid namespace from other processes in it.
 */
export async function killContainer(pods: readonly V1Pod[], target: PodProcess): Promise<void> {
  const pod = pods.find(
    ({ metadata }) => metadata?.namespace === target.namespace && metadata.name === target.pod,
  )
  const statuses = [...(pod?.status?.initContainerStatuses ?? []), ...(pod?.status?.containerStatuses ?? [])]
  const id = statuses.find(({ name }) => name === target.container)?.containerID?.split('//')[1]
  const node = pod?.spec?.nodeName
  if (id === undefined || node === undefined) {
    throw new Error(`${target.namespace}/${target.pod} has no running container ${target.container}`)
  }
  const find = `for p in /proc/[0-9]*; do grep -qs ${id} $p/cgroup && echo \${p#/proc/}; done | sort -n | head -1`
  const pid = (await run('docker', ['exec', node, 'sh', '-c', find])).stdout.trim()
  if (pid === '') throw new Error(`no process of container ${id} on ${node}`)
  await run('docker', ['exec', node, 'kill', '-9', pid])
}
