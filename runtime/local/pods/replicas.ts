import { createHash } from 'node:crypto'
import type { Workload } from '../kubernetes.ts'

/** What a workload's controller knows about a pod that is not terminating. */
export interface Replica {
  readonly name: string
  /** The hash of the template from which it was created. */
  readonly hash: string
  readonly ready: boolean
}

/** The next step: the names of pods to remove and to create. */
export interface ReplicaPlan {
  readonly create: readonly string[]
  readonly remove: readonly string[]
}

/** A hash of eight digits that changes with the template. */
export const templateHash = (template: unknown): string =>
  createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 8)

/**
 * The next step of a Deployment: it creates new pods first, as many as `maxSurge` allows (25 % rounded up, at least
 * one), and removes an old one only when a ready one can replace it. With `Recreate`, it removes the old ones first.
 */
export function planDeployment(
  workload: Workload,
  pods: readonly Replica[],
  newName: () => string,
): ReplicaPlan {
  const replicas = workload.spec.replicas ?? 1
  const hash = templateHash(workload.spec.template)
  const current = pods.filter((pod) => pod.hash === hash)
  const old = pods.filter((pod) => pod.hash !== hash)
  if (workload.spec.strategy?.type === 'Recreate' && old.length > 0) {
    return { create: [], remove: old.map(({ name }) => name) }
  }
  const room = replicas + surge(workload, replicas) - pods.length
  const missing = Math.max(0, Math.min(replicas - current.length, room))
  // Remove unready pods first, and among equal ones the newest.
  const surplus = current.toReversed().toSorted((a, b) => Number(a.ready) - Number(b.ready))
  const remove = surplus.slice(0, Math.max(0, current.length - replicas)).map(({ name }) => name)
  const spare =
    current.filter(({ ready }) => ready).length + old.filter(({ ready }) => ready).length - replicas
  const unready = old.filter(({ ready }) => !ready)
  const ready = old.filter((pod) => pod.ready).slice(0, Math.max(0, spare))
  remove.push(...[...unready, ...ready].map(({ name }) => name))
  return { create: Array.from({ length: missing }, newName), remove }
}

function surge(workload: Workload, replicas: number): number {
  const { maxSurge } = workload.spec.strategy?.rollingUpdate ?? {}
  if (typeof maxSurge === 'number') return Math.max(1, maxSurge)
  const percent = Number(/^(\d+)%$/.exec(maxSurge ?? '25%')?.[1] ?? 25)
  return Math.max(1, Math.ceil((replicas * percent) / 100))
}

/**
 * The next step of a StatefulSet: it starts pods 0 to n-1 under their own names, each once the previous one is ready.
 * It removes changed pods, the last one first, and creates each again once it is gone.
 */
export function planStatefulSet(
  workload: Workload,
  pods: readonly Replica[],
  leaving: ReadonlySet<string>,
): ReplicaPlan {
  const hash = templateHash(workload.spec.template)
  const names = Array.from({ length: workload.spec.replicas ?? 1 }, (_, index) => podName(workload, index))
  const byName = new Map(pods.map((pod) => [pod.name, pod]))
  const surplus = pods.filter(({ name }) => !names.includes(name)).map(({ name }) => name)
  if (surplus.length > 0) return { create: [], remove: surplus }
  for (const name of names) {
    const pod = byName.get(name)
    if (pod === undefined) return { create: leaving.has(name) ? [] : [name], remove: [] }
    if (!pod.ready && pod.hash === hash) return { create: [], remove: [] }
    if (!pod.ready) return { create: [], remove: [name] }
  }
  const changed = names.toReversed().find((name) => byName.get(name)?.hash !== hash)
  return { create: [], remove: changed === undefined ? [] : [changed] }
}

const podName = (workload: Workload, index: number): string => `${workload.metadata.name}-${index}`
