import { createHash } from 'node:crypto'
import type { Workload } from '../kubernetes.ts'

/** A pod as its workload's controller sees it. Terminating ones are none of its business any more. */
export interface Replica {
  readonly name: string
  /** The hash of the template of which it was made. */
  readonly hash: string
  readonly ready: boolean
}

/** What to do next: the names of pods to remove, and of pods to create. */
export interface ReplicaPlan {
  readonly create: readonly string[]
  readonly remove: readonly string[]
}

/** Eight digits that change with the template. */
export const templateHash = (template: unknown): string =>
  createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 8)

/**
 * What a Deployment does next: new pods first, as many more as `maxSurge` allows (25 % rounded up, at least
 * one), and an old one goes only when a ready one can take its place. With `Recreate`, the old ones go first.
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
  // Unready ones go first, and of equals the newest.
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
 * What a StatefulSet does next: pods 0 to n-1 under their own names, each started once the one before is
 * ready; a changed one is removed, the last first, and comes again once it is gone.
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
