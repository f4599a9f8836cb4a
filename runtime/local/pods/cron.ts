import { Cron } from 'croner'
import type { CronJob } from '../kubernetes.ts'

/** Kubernetes' default limits of finished Jobs to keep. */
const SUCCESSFUL_LIMIT = 3
const FAILED_LIMIT = 1
/** The maximum runs that were missed to count. Kubernetes gives up on a CronJob that has missed so many. */
const MAX_MISSED = 100

/** A Job that a CronJob has started. */
export interface CronRun {
  readonly name: string
  /** The time of the schedule, in milliseconds since 1970. */
  readonly scheduledAtMs: number
  readonly result: 'Complete' | 'Failed' | undefined
}

/** The next step of a CronJob. */
export interface CronPlan {
  /** The time of the run to start. */
  readonly start?: number
  /** The names of the Jobs to remove. */
  readonly remove: readonly string[]
  /** The time from which the schedule counts next. */
  readonly sinceMs: number
  /** When to plan again. Undefined if it never runs again. */
  readonly againAtMs?: number
}

/**
 * The schedule of a CronJob: five fields, or a name such as `@daily`. As in cron(8), a day matches if either of two
 * restricted day fields does. Throws an error if the schedule or the time zone is invalid.
 */
function scheduleOf(schedule: string, timeZone: string | undefined): Cron {
  if (/^@every\b/.test(schedule))
    throw new Error('@every is not supported here: use fields, such as */5 * * * *')
  return new Cron(schedule.replaceAll('?', '*'), {
    paused: true,
    mode: schedule.startsWith('@') ? 'auto' : '5-part',
    ...(timeZone !== undefined && { timezone: timeZone }),
  })
}

/** Why a schedule or a time zone is invalid. Undefined if both are valid. */
export function scheduleFault(
  schedule: string,
  timeZone: string | undefined,
): { field: 'schedule' | 'timeZone'; message: string } | undefined {
  try {
    if (timeZone !== undefined) new Intl.DateTimeFormat('en', { timeZone })
  } catch {
    return { field: 'timeZone', message: 'wanted a name such as Europe/Berlin' }
  }
  try {
    scheduleOf(schedule, timeZone).nextRun()
    return undefined
  } catch (error) {
    const message = (error as Error).message.replace(/^CronPattern: /, '')
    return { field: 'schedule', message: `wanted five fields of cron, such as */5 * * * * (${message})` }
  }
}

/** The first time of a schedule after another one. Undefined if there is none. */
export function nextRunMs(
  schedule: string,
  timeZone: string | undefined,
  afterMs: number,
): number | undefined {
  return scheduleOf(schedule, timeZone).nextRun(new Date(afterMs))?.getTime()
}

/**
 * The next step of a CronJob: the latest run that is due, unless its starting deadline is over or `concurrencyPolicy`
 * forbids it. Finished Jobs beyond the limits of the history are removed, the oldest first.
 */
export function planCron(
  { spec }: CronJob,
  runs: readonly CronRun[],
  sinceMs: number,
  nowMs: number,
): CronPlan {
  const { schedule, timeZone, concurrencyPolicy = 'Allow', startingDeadlineSeconds, suspend } = spec
  const old = [
    ...surplus(runs, 'Complete', spec.successfulJobsHistoryLimit ?? SUCCESSFUL_LIMIT),
    ...surplus(runs, 'Failed', spec.failedJobsHistoryLimit ?? FAILED_LIMIT),
  ]
  if (suspend === true) return { remove: old, sinceMs: nowMs }
  let due: number | undefined
  let next = nextRunMs(schedule, timeZone, sinceMs)
  for (let missed = 0; next !== undefined && next <= nowMs; missed++) {
    due = next
    next = nextRunMs(schedule, timeZone, missed < MAX_MISSED ? next : nowMs)
  }
  const plan = { remove: old, sinceMs: due ?? sinceMs, ...(next !== undefined && { againAtMs: next }) }
  if (due === undefined) return plan
  if (startingDeadlineSeconds !== undefined && nowMs - due > startingDeadlineSeconds * 1000) return plan
  const active = runs.filter(({ result }) => result === undefined).map(({ name }) => name)
  if (concurrencyPolicy === 'Forbid' && active.length > 0) return plan
  const replaced = concurrencyPolicy === 'Replace' ? active : []
  return { ...plan, start: due, remove: [...old, ...replaced] }
}

function surplus(runs: readonly CronRun[], result: CronRun['result'], limit: number): string[] {
  const finished = runs
    .filter((run) => run.result === result)
    .toSorted((one, other) => one.scheduledAtMs - other.scheduledAtMs)
  return finished.slice(0, Math.max(0, finished.length - limit)).map(({ name }) => name)
}

/** The name of the Job of a run, like on Kubernetes: the minutes since 1970 end it. */
export const runName = (cronJob: string, scheduledAtMs: number): string =>
  `${cronJob}-${Math.floor(scheduledAtMs / 60_000)}`
