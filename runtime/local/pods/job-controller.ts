import { randomBytes } from 'node:crypto'
import type { CronJob, Job, PodTemplate } from '../kubernetes.ts'
import { idOf, type KubernetesObject } from '../manifests/object.ts'
import { type CronRun, planCron, runName } from './cron.ts'
import { type JobPod, type JobRecord, jobStatus, planJob } from './jobs.ts'
import { templateHash } from './replicas.ts'
import type { DesiredWorkload, NewPod } from './desired.ts'

/** The longest time of a timer, in milliseconds. A later step is planned again. */
const MAX_TIMER_MS = 2_147_483_647

export interface JobControllerOptions {
  /** The current time in milliseconds since 1970. */
  readonly now: () => number
  /** All pods of an owner. */
  readonly podsOf: (owner: string) => readonly JobPod[]
  readonly create: (pod: NewPod) => void
  readonly remove: (owner: string, names: readonly string[]) => void
  /** Called when it is time for the next step. */
  readonly onAgain: () => void
  /** Called when a Job has ended, with the id of its manifest's object, and why if it has failed. */
  readonly onEnded: (id: string, failure: string | undefined) => void
}

interface CronState {
  readonly schedule: string
  sinceMs: number
  /** The Jobs that it has started, by name, with their times. */
  readonly jobs: Map<string, CronJobRun>
}

interface CronJobRun {
  readonly object: KubernetesObject
  readonly scheduledAtMs: number
}

/** Runs Jobs to their end, and starts those of CronJobs. */
export class JobController {
  readonly #options: JobControllerOptions
  readonly #records = new Map<string, JobRecord>()
  readonly #crons = new Map<string, CronState>()
  /** The Jobs that exist, by id. */
  #jobs = new Map<string, KubernetesObject>()
  #timer: NodeJS.Timeout | undefined
  #againAtMs = Infinity

  constructor(options: JobControllerOptions) {
    this.#options = options
  }

  /** The Jobs with their status, for the API. */
  get objects(): KubernetesObject[] {
    return [...this.#jobs].map(([id, object]) => {
      const record = this.#records.get(id)
      return record === undefined ? object : withStatus(object, jobStatus(this.#options.podsOf(id), record))
    })
  }

  /** Takes one step of the CronJobs. Returns the workloads together with the Jobs that CronJobs have started. */
  startRuns(desired: ReadonlyMap<string, DesiredWorkload>): ReadonlyMap<string, DesiredWorkload> {
    this.#againAtMs = Infinity
    clearTimeout(this.#timer)
    const all = new Map(desired)
    for (const id of this.#crons.keys())
      if (desired.get(id)?.object.kind !== 'CronJob') this.#crons.delete(id)
    for (const [id, { object, directory }] of desired) {
      if (object.kind !== 'CronJob') continue
      this.#startRuns(id, object)
      for (const { object: job } of this.#crons.get(id)?.jobs.values() ?? [])
        all.set(idOf(job), { object: job, directory, root: id })
    }
    this.#jobs = new Map(
      [...all].filter(([, { object }]) => object.kind === 'Job').map(([id, one]) => [id, one.object]),
    )
    for (const id of this.#records.keys()) if (!this.#jobs.has(id)) this.#records.delete(id)
    return all
  }

  /** Takes one step of a Job. */
  reconcile(id: string, { object, directory, root = id }: DesiredWorkload): void {
    const job = object as unknown as Job
    const before = this.#records.get(id)
    const plan = planJob(job, this.#options.podsOf(id), before, this.#options.now())
    this.#records.set(id, plan.record)
    for (const index of plan.create) this.#create(id, object, directory, root, index)
    this.#options.remove(id, plan.remove)
    const { result } = plan.record
    if (result !== undefined && before?.result === undefined) {
      const failure = `Job ${object.metadata.name} has failed: ${result.message}`
      this.#options.onEnded(root, result.type === 'Failed' ? failure : undefined)
      // The history of a CronJob may be longer now than its limit.
      if (root !== id) this.#planAgain(this.#options.now())
    }
    if (plan.isExpired === true) this.#jobs.delete(id)
    if (plan.againAtMs !== undefined) this.#planAgain(plan.againAtMs)
  }

  /** Sets the timer for the next step. */
  planned(): void {
    if (this.#againAtMs === Infinity) return
    const waitMs = Math.min(MAX_TIMER_MS, Math.max(0, this.#againAtMs - this.#options.now()))
    this.#timer = setTimeout(() => this.#options.onAgain(), waitMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #planAgain(atMs: number): void {
    this.#againAtMs = Math.min(this.#againAtMs, atMs)
  }

  #startRuns(id: string, object: KubernetesObject): void {
    const cronJob = object as unknown as CronJob
    const nowMs = this.#options.now()
    const schedule = `${cronJob.spec.schedule} ${cronJob.spec.timeZone ?? ''}`
    const known = this.#crons.get(id)
    const state: CronState =
      known?.schedule === schedule
        ? known
        : { schedule, sinceMs: nowMs, jobs: known?.jobs ?? new Map<string, CronJobRun>() }
    this.#crons.set(id, state)
    const runs = [...state.jobs].map(([name, { object: job, scheduledAtMs }]): CronRun => {
      return { name, scheduledAtMs, result: this.#records.get(idOf(job))?.result?.type }
    })
    const plan = planCron(cronJob, runs, state.sinceMs, nowMs)
    state.sinceMs = plan.sinceMs
    for (const name of plan.remove) state.jobs.delete(name)
    if (plan.start !== undefined) {
      const job = jobOf(cronJob, plan.start)
      state.jobs.set(job.metadata.name, { object: job, scheduledAtMs: plan.start })
    }
    if (plan.againAtMs !== undefined) this.#planAgain(plan.againAtMs)
  }

  #create(
    owner: string,
    object: KubernetesObject,
    directory: string,
    root: string,
    index: number | undefined,
  ): void {
    const { template } = (object as unknown as Job).spec
    const { name } = object.metadata
    const infix = index === undefined ? '' : `-${index}`
    const end = `${infix}-${randomBytes(3).toString('hex').slice(0, 5)}`
    this.#options.create({
      owner,
      root,
      object,
      directory,
      name: name.slice(0, MAX_POD_NAME - end.length) + end,
      hash: templateHash(template),
      template: jobTemplate(template, name, index),
    })
  }
}

const withStatus = (object: KubernetesObject, status: object): KubernetesObject => ({ ...object, status })

/** The maximum length of a pod's host name, in characters. */
const MAX_POD_NAME = 63
const INDEX_ANNOTATION = 'batch.kubernetes.io/job-completion-index'

/** The completion index of a pod. Undefined if it has none. */
export function indexOf(annotations: Readonly<Record<string, string>>): number | undefined {
  const index = annotations[INDEX_ANNOTATION]
  return index === undefined ? undefined : Number(index)
}

/** The template of a pod of a Job, with what its controller adds. */
function jobTemplate(template: PodTemplate, job: string, index: number | undefined): PodTemplate {
  const labels = { ...template.metadata?.labels, 'job-name': job, 'batch.kubernetes.io/job-name': job }
  if (index === undefined) return { ...template, metadata: { ...template.metadata, labels } }
  const annotations = { ...template.metadata?.annotations, [INDEX_ANNOTATION]: String(index) }
  const variable = { name: 'JOB_COMPLETION_INDEX', value: String(index) }
  const { initContainers = [], containers } = template.spec
  const indexed = <T extends { env?: readonly object[] | undefined }>(container: T) => ({
    ...container,
    env: [variable, ...(container.env ?? [])],
  })
  const spec = {
    ...template.spec,
    initContainers: initContainers.map(indexed),
    containers: containers.map(indexed),
  } as PodTemplate['spec']
  return { metadata: { labels, annotations }, spec }
}

/** The Job of one run of a CronJob. */
function jobOf({ metadata, spec }: CronJob, scheduledAtMs: number): KubernetesObject {
  const { jobTemplate: own } = spec
  const { namespace } = metadata
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      ...own.metadata,
      name: runName(metadata.name, scheduledAtMs),
      ...(namespace !== undefined && { namespace }),
      annotations: {
        ...own.metadata?.annotations,
        'batch.kubernetes.io/cronjob-scheduled-timestamp': new Date(scheduledAtMs).toISOString(),
      },
    },
    spec: own.spec,
  }
}
