import { z } from 'zod'
import type { KubernetesObject } from './kubernetes.ts'
import { SIDECAR_CONTAINER } from './names.ts'
import { tellingLine } from './telling-line.ts'

/** What {@link podTrouble} may quote. */
export interface TroubleOptions {
  /** Whether to quote the last line that a container wrote, and messages of the cluster. They may contain secrets. */
  readonly messages: boolean
}

const ended = z.object({
  exitCode: z.number(),
  reason: z.string().nullish(),
  message: z.string().nullish(),
})
const containerStatus = z.object({
  name: z.string(),
  ready: z.boolean().nullish(),
  state: z
    .object({
      waiting: z.object({ reason: z.string().nullish(), message: z.string().nullish() }).nullish(),
      terminated: ended.nullish(),
    })
    .nullish(),
  lastState: z.object({ terminated: ended.nullish() }).nullish(),
})
type ContainerStatus = z.infer<typeof containerStatus>

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().nullish(),
  message: z.string().nullish(),
})
type Condition = z.infer<typeof condition>

const podStatus = z.object({
  conditions: z.array(condition).nullish(),
  initContainerStatuses: z.array(containerStatus).nullish(),
  containerStatuses: z.array(containerStatus).nullish(),
})

/** Reasons to wait that say nothing, because they are part of every start. CrashLoopBackOff: the exit says more. */
const ORDINARY = new Set(['ContainerCreating', 'PodInitializing', 'CrashLoopBackOff', ''])
/** Reasons of an exit that its code already says. */
const PLAIN = new Set(['Error', 'Completed', ''])

/**
 * Why a pod does not serve, by its status in the Kubernetes API, as words that follow the name of its service, such as
 * `exited with code 1: DB_URL is not set`. One line. Undefined if it serves, or its status does not say.
 */
export function podTrouble(pod: KubernetesObject, options: TroubleOptions): string | undefined {
  const status = podStatus.safeParse(pod['status'] ?? {}).data
  if (status === undefined) return undefined
  const init = status.initContainerStatuses ?? []
  const containers = status.containerStatuses ?? []
  const several = containers.filter(({ name }) => name !== SIDECAR_CONTAINER).length > 1
  for (const container of [...init, ...containers]) {
    const named = several || init.includes(container) || container.name === SIDECAR_CONTAINER
    // The sidecar's last line is an entry of its log, which tells a visitor nothing.
    const messages = options.messages && container.name !== SIDECAR_CONTAINER
    const trouble = containerTrouble(container, named ? ` (container ${container.name})` : '', { messages })
    if (trouble !== undefined) return trouble
  }
  const isFalse = (wanted: string, reason: string): Condition | undefined =>
    status.conditions?.find((one) => one.type === wanted && one.status === 'False' && one.reason === reason)
  const unscheduled = isFalse('PodScheduled', 'Unschedulable')
  if (unscheduled) return `cannot be scheduled on any node${quoted(unscheduled.message, options)}`
  const unready = isFalse('Ready', 'ContainersNotReady')
  return unready && !SAYS_NOTHING.test(unready.message ?? '') && containers.some(runsUnready)
    ? `is not ready${quoted(plain(unready.message), options)}`
    : undefined
}

/** Whether an app runs and does not serve. A sidecar is not ready before its app is known, which says nothing. */
const runsUnready = ({ name, ready, state }: ContainerStatus): boolean =>
  name !== SIDECAR_CONTAINER && ready === false && !state?.waiting && !state?.terminated

/** The embedded cluster does not know yet why a container is not ready: its first probe is still to come. */
const SAYS_NOTHING = /^container [^:,]+$/

/** The embedded cluster names each container that is not ready, and why. If there is only one, why is enough. */
const plain = (message: string | null | undefined): string =>
  (message ?? '').replace(/^container [^:,]+: (?!.*, container )/, '')

function containerTrouble(
  { ready, state, lastState }: ContainerStatus,
  who: string,
  options: TroubleOptions,
): string | undefined {
  if (ready === true || state?.terminated?.exitCode === 0) return undefined
  const { reason, message } = state?.waiting ?? {}
  if (!ORDINARY.has(reason ?? '')) return `cannot start${who}: ${word(reason)}${quoted(message, options)}`
  const exit = state?.terminated ?? lastState?.terminated
  if (exit === undefined || exit === null) return undefined
  const why = PLAIN.has(exit.reason ?? '') ? '' : ` (${word(exit.reason)})`
  return `exited with code ${exit.exitCode}${why}${who}${quoted(exit.message, options)}`
}

/** A reason is one word by convention, but comes from a cluster. */
const word = (reason: string | null | undefined): string =>
  (reason ?? '').replaceAll(/[^\w-]/g, '').slice(0, 64)

function quoted(message: string | null | undefined, { messages }: TroubleOptions): string {
  const line = messages ? tellingLine((message ?? '').split('\n')) : undefined
  return line === undefined ? '' : `: ${line}`
}
