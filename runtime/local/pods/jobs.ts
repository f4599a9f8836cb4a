import type { Job } from '../kubernetes.ts'
import { templateHash } from './replicas.ts'

/** What the controller of Jobs knows about a pod. */
export interface JobPod {
  readonly name: string
  readonly hash: string
  /** Its completion index. Undefined if the Job has none. */
  readonly index?: number
  readonly finished: 'Succeeded' | 'Failed' | undefined
  readonly terminating: boolean
  /** How often its containers were restarted. */
  readonly restarts: number
}

/** What the controller remembers of a Job. Times are in milliseconds. */
export interface JobRecord {
  /** The hash of the template. A Job with another template runs again. */
  readonly hash: string
  readonly startedAtMs: number
  /** The failed pods that were seen, with the time. */
  readonly failures: ReadonlyMap<string, number>
  readonly result?: JobResult
}

interface JobResult {
  readonly type: 'Complete' | 'Failed'
  readonly atMs: number
  /** Kubernetes' word, such as `BackoffLimitExceeded`. */
  readonly reason: string
  readonly message: string
}

/** The next step of a Job. */
export interface JobPlan {
  readonly record: JobRecord
  /** The completion indexes of the pods to create, or undefined for each pod without one. */
  readonly create: readonly (number | undefined)[]
  /** The names of the pods to remove. */
  readonly remove: readonly string[]
  /** When to plan again, if no pod changes before. */
  readonly againAtMs?: number
  /** Whether the time after its end is over, so that the Job itself is removed. */
  readonly isExpired?: boolean
}

/** The waits before a pod replaces a failed one: like a kubelet's, but shorter. */
const RETRY = { firstMs: 200, maxMs: 10_000 }
/** Kubernetes' default of backoffLimit. */
const BACKOFF_LIMIT = 6

/**
 * The next step of a Job: pods until `completions` have succeeded, at most `parallelism` at a time. It fails when more
 * than `backoffLimit` pods or restarts have failed, or at the end of `activeDeadlineSeconds`.
 */
export function planJob(
  job: Job,
  all: readonly JobPod[],
  before: JobRecord | undefined,
  nowMs: number,
): JobPlan {
  const hash = templateHash(job.spec.template)
  const old = all.filter((pod) => pod.hash !== hash).map(({ name }) => name)
  const known =
    before?.hash === hash ? before : { hash, startedAtMs: nowMs, failures: new Map<string, number>() }
  const pods = all.filter((pod) => pod.hash === hash && !pod.terminating)
  const record = { ...known, failures: withFailures(known.failures, pods, nowMs) }
  // Pods of an old template end first, because both may write to the same places.
  if (old.length > 0) return { record, create: [], remove: old }
  if (record.result !== undefined) return planFinished(job, pods, record, record.result, nowMs)
  const active = pods.filter(({ finished }) => finished === undefined)
  const result = resultOf(job, pods, record, nowMs)
  if (result !== undefined) {
    const finished = { ...record, result }
    const plan = planFinished(job, pods, finished, result, nowMs)
    return plan.isExpired === true ? plan : { ...plan, remove: active.map(({ name }) => name) }
  }
  if (job.spec.suspend === true) return { record, create: [], remove: active.map(({ name }) => name) }
  return planActive(job, pods, active, record, nowMs)
}

function withFailures(
  before: ReadonlyMap<string, number>,
  pods: readonly JobPod[],
  nowMs: number,
): ReadonlyMap<string, number> {
  const fresh = pods.filter(({ name, finished }) => finished === 'Failed' && !before.has(name))
  return fresh.length === 0
    ? before
    : new Map([...before, ...fresh.map(({ name }) => [name, nowMs] as const)])
}

function planFinished(
  { spec }: Job,
  pods: readonly JobPod[],
  record: JobRecord,
  { atMs }: JobResult,
  nowMs: number,
): JobPlan {
  const { ttlSecondsAfterFinished } = spec
  if (ttlSecondsAfterFinished === undefined) return { record, create: [], remove: [] }
  const againAtMs = atMs + ttlSecondsAfterFinished * 1000
  if (nowMs < againAtMs) return { record, create: [], remove: [], againAtMs }
  return { record, create: [], remove: pods.map(({ name }) => name), isExpired: true }
}

function resultOf(
  { spec }: Job,
  pods: readonly JobPod[],
  { failures, startedAtMs }: JobRecord,
  nowMs: number,
): JobResult | undefined {
  const failed = (reason: string, message: string): JobResult => ({
    type: 'Failed',
    atMs: nowMs,
    reason,
    message,
  })
  const succeeded = pods.filter(({ finished }) => finished === 'Succeeded')
  const active = pods.filter(({ finished }) => finished === undefined)
  // Without completions the success of any pod is that of the Job, once all have ended.
  const isDone =
    spec.completions === undefined && spec.parallelism !== undefined
      ? succeeded.length > 0 && active.length === 0
      : succeeded.length >= (spec.completions ?? 1)
  if (isDone)
    return { type: 'Complete', atMs: nowMs, reason: 'CompletionsReached', message: 'it has completed' }
  const limit = spec.backoffLimit ?? BACKOFF_LIMIT
  const restarts = active.reduce((sum, pod) => sum + pod.restarts, 0)
  if (failures.size + restarts > limit)
    return failed('BackoffLimitExceeded', `it has failed more often than its backoffLimit of ${limit} allows`)
  const { activeDeadlineSeconds: deadline } = spec
  if (deadline !== undefined && nowMs >= startedAtMs + deadline * 1000)
    return failed('DeadlineExceeded', `it has run longer than its activeDeadlineSeconds of ${deadline}`)
  return undefined
}

function planActive(
  { spec }: Job,
  pods: readonly JobPod[],
  active: readonly JobPod[],
  record: JobRecord,
  nowMs: number,
): JobPlan {
  const succeeded = pods.filter(({ finished }) => finished === 'Succeeded')
  const parallelism = spec.parallelism ?? 1
  // Without completions, no pod starts after the first success.
  const left =
    spec.completions === undefined && spec.parallelism !== undefined
      ? succeeded.length > 0
        ? 0
        : parallelism
      : (spec.completions ?? 1) - succeeded.length
  const missing = Math.max(0, Math.min(parallelism, left) - active.length)
  const deadlineMs =
    spec.activeDeadlineSeconds === undefined
      ? undefined
      : record.startedAtMs + spec.activeDeadlineSeconds * 1000
  const retryAtMs = nextRetryMs(record.failures)
  const remove = active.slice(parallelism).map(({ name }) => name)
  if (missing > 0 && retryAtMs > nowMs) {
    return { record, create: [], remove, againAtMs: Math.min(retryAtMs, deadlineMs ?? Infinity) }
  }
  const indexes = freeIndexes(spec, [...succeeded, ...active])
  const create = Array.from({ length: missing }, (_, index) => indexes?.[index])
  return { record, create, remove, ...(deadlineMs !== undefined && { againAtMs: deadlineMs }) }
}

/** When a pod may follow the last failed one. */
function nextRetryMs(failures: ReadonlyMap<string, number>): number {
  if (failures.size === 0) return 0
  const waitMs = Math.min(RETRY.maxMs, RETRY.firstMs * 2 ** (failures.size - 1))
  return Math.max(...failures.values()) + waitMs
}

function freeIndexes(spec: Job['spec'], pods: readonly JobPod[]): number[] | undefined {
  if (spec.completionMode !== 'Indexed') return undefined
  const taken = new Set(pods.map(({ index }) => index))
  return Array.from({ length: spec.completions ?? 1 }, (_, index) => index).filter(
    (index) => !taken.has(index),
  )
}

/** The status of a Job for the API. */
export function jobStatus(pods: readonly JobPod[], { startedAtMs, failures, result }: JobRecord): object {
  const count = (finished: JobPod['finished']): number =>
    pods.filter((pod) => pod.finished === finished).length
  return {
    startTime: new Date(startedAtMs).toISOString(),
    active: count(undefined),
    succeeded: count('Succeeded'),
    failed: failures.size,
    ...(result !== undefined && {
      ...(result.type === 'Complete' && { completionTime: new Date(result.atMs).toISOString() }),
      conditions: [{ type: result.type, status: 'True', reason: result.reason, message: result.message }],
    }),
  }
}
