import { SIDECAR_CONTAINER } from '@branchline/wire/names'
import { age } from '../output/age.ts'
import { type Cell, type Column, NONE, type Row } from '../output/table.ts'
import type { ContainerStatus, PodObject } from './resources.ts'

export const POD_COLUMNS: readonly Column[] = [
  { title: 'NAMESPACE', drop: 3 },
  { title: 'NAME' },
  { title: 'READY' },
  { title: 'STATUS' },
  { title: 'RESTARTS', drop: 1 },
  { title: 'AGE', drop: 2 },
  { title: 'IP', wide: true },
  { title: 'NODE', wide: true },
  { title: 'SIDECAR', wide: true },
]

/** A row of `get pods`, with the reason below it if a container waits. */
export function podRow(pod: PodObject, nowMs: number): Row {
  const { metadata, spec, status } = pod
  const containers = runningContainers(pod)
  const ready = containers.filter((one) => one.ready === true).length
  const restarts = containers.reduce((sum, { restartCount }) => sum + (restartCount ?? 0), 0)
  return {
    cells: [
      metadata.namespace ?? NONE,
      metadata.name,
      `${ready}/${containers.length}`,
      statusCell(pod),
      String(restarts),
      age(metadata.creationTimestamp, nowMs),
      status?.podIP ?? NONE,
      spec?.nodeName ?? NONE,
      sidecarVersion(pod) ?? NONE,
    ],
    notes: containers.flatMap(({ name, state }) =>
      state?.waiting?.message === undefined ? [] : [`${name}: ${state.waiting.message}`],
    ),
  }
}

/** The containers that run as long as the pod: its own, and native sidecars. */
function runningContainers({ spec, status }: PodObject): readonly ContainerStatus[] {
  const native = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  const sidecars = new Set(native.map(({ name }) => name))
  const own = status?.containerStatuses ?? []
  const init = (status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name))
  return [...own, ...init.filter(({ name }) => !own.some((one) => one.name === name))]
}

/** Whether a pod and all of its containers are ready. */
export const isPodReady = ({ status }: PodObject): boolean =>
  (status?.conditions ?? []).some((one) => one.type === 'Ready' && one.status === 'True')

function statusCell(pod: PodObject): Cell {
  const { metadata, status } = pod
  if ((metadata as { deletionTimestamp?: string }).deletionTimestamp !== undefined) return 'Terminating'
  const waiting = runningContainers(pod).find(({ state }) => state?.waiting?.reason !== undefined)
  if (waiting !== undefined) return { text: waiting.state?.waiting?.reason as string, tone: 'bad' }
  const phase = status?.reason ?? status?.phase ?? 'Unknown'
  return phase === 'Running' && !isPodReady(pod) ? { text: phase, tone: 'warning' } : phase
}

/** The tag of the image of a pod's sidecar, or undefined if it has none. */
export function sidecarVersion({ spec }: PodObject): string | undefined {
  const all = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]
  const image = all.find(({ name }) => name === SIDECAR_CONTAINER)?.image
  return image === undefined ? undefined : imageVersion(image)
}

/** The tag of an image, otherwise its digest, otherwise `latest`. */
export function imageVersion(image: string): string {
  const [name = '', digest] = image.split('@')
  return /:([^/:]+)$/.exec(name)?.[1] ?? digest ?? 'latest'
}
