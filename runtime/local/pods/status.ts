import { constants } from 'node:os'
import { SIDECAR_CONTAINER } from '@branchline/wire/names'
import { tellingLine } from '@branchline/wire/telling-line'
import type { ContainerRunner, EndedRun } from './container.ts'
import type { PodRunner } from './pod.ts'
import type { Exit } from './process.ts'

/** The maximum length of a termination message, in characters (Kubernetes: 2,048 bytes of the log). */
const MAX_MESSAGE_LENGTH = 2_048
/** The exit code of a process that could not be started, like that of a shell. */
const NOT_STARTED = 127
/** The exit code of a process that a signal ended is this plus the signal's number, like that of a container runtime. */
const SIGNALLED = 128

/** The container statuses of a pod (Kubernetes: ContainerStatus). A native sidecar counts as an init container there. */
export function containerStatuses({ spec, containers }: PodRunner): object {
  const init = spec.initContainers?.length ?? 0
  return {
    ...(init > 0 && { initContainerStatuses: containers.slice(0, init).map(statusOf) }),
    containerStatuses: containers.slice(init).map(statusOf),
  }
}

/** The condition that names the containers which are not ready, and why. */
export function readyCondition(type: 'ContainersReady' | 'Ready', { ready, containers }: PodRunner): object {
  if (ready) return { type, status: 'True' }
  const unready = containers.filter((container) => !container.ready)
  // A sidecar is not ready before its app is known. Only without another reason does that say something.
  const apps = unready.filter(({ spec }) => spec.name !== SIDECAR_CONTAINER)
  const why = (apps.length > 0 ? apps : unready).map(
    ({ spec, reason }) => `container ${spec.name}${reason === undefined ? '' : `: ${reason}`}`,
  )
  return { type, status: 'False', reason: 'ContainersNotReady', message: why.join(', ') }
}

function statusOf({ spec, ready, started, restarts, startedAtMs, lastRun, reason }: ContainerRunner): object {
  const terminated = lastRun && terminatedOf(lastRun)
  const isDone = startedAtMs === undefined && ready && terminated !== undefined
  return {
    name: spec.name,
    image: spec.image ?? '',
    ready,
    started,
    restartCount: restarts,
    state: isDone ? { terminated } : stateOf({ startedAtMs, lastRun, reason }),
    lastState: terminated === undefined || isDone ? {} : { terminated },
  }
}

function stateOf({
  startedAtMs,
  lastRun,
  reason,
}: Pick<ContainerRunner, 'startedAtMs' | 'lastRun' | 'reason'>): object {
  if (startedAtMs !== undefined) return { running: { startedAt: timeText(startedAtMs) } }
  if (lastRun !== undefined) return { waiting: { reason: 'CrashLoopBackOff' } }
  if (reason === undefined) return { waiting: { reason: 'ContainerCreating' } }
  return { waiting: { reason: 'CreateContainerError', message: tellingLine([reason]) ?? '' } }
}

/** Kubernetes with terminationMessagePolicy FallbackToLogsOnError: the end of the log, if the exit was an error. */
function terminatedOf({ exit, startedAtMs, endedAtMs, lines }: EndedRun): object {
  const exitCode = exitCodeOf(exit)
  const message = exit.error ?? lines.join('\n').slice(-MAX_MESSAGE_LENGTH)
  return {
    exitCode,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    startedAt: timeText(startedAtMs),
    finishedAt: timeText(endedAtMs),
    ...(exitCode !== 0 && message !== '' && { message }),
  }
}

function exitCodeOf({ code, signal, error }: Exit): number {
  if (error !== undefined) return NOT_STARTED
  return code ?? (signal === undefined ? 0 : SIGNALLED + constants.signals[signal])
}

const timeText = (ms: number): string => new Date(ms).toISOString()
