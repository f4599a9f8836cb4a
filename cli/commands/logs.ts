import { printableLine, printableLog } from '@branchline/runtime/local/printable'
import { nearest } from '@branchline/wire/near'
import { SIDECAR_CONTAINER } from '@branchline/wire/names'
import { CliError } from '../platform/errors.ts'
import { openTarget, type TargetOptions } from '../target/choose.ts'
import { Snapshots } from '../target/snapshot.ts'
import type { LogOptions, Target } from '../target/target.ts'
import type { PodObject } from '../view/resources.ts'
import { findService, type FoundService, parseServiceName, podsOf, workersNamed } from '../view/services.ts'

export interface LogsOptions extends TargetOptions {
  readonly namespace?: string
  readonly follow?: boolean
  readonly tail?: number
  readonly container?: string
}

/** Runs `branchline logs`: prints the output of a service's pods, and with `--follow` also that of pods to come. */
export async function runLogs(name: string, options: LogsOptions): Promise<void> {
  const wanted = parseServiceName(name)
  const target = await openTarget(options)
  const service = await serviceOf(target, wanted, options.namespace)
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const follow = options.follow === true
  const pods = podsOf(service, await target.list('Pod', service.namespace))
  const isAlone = pods.length === 1
  // A wrong name is told before anything is followed.
  for (const pod of pods) containerOf(pod, options.container)
  const print = (pod: PodObject, tail: number | undefined): Promise<void> =>
    printLog(
      target,
      pod,
      containerOf(pod, options.container),
      { follow, ...(tail !== undefined && { tail }) },
      isAlone,
      stop.signal,
    )
  if (!follow) {
    if (pods.length === 0) throw new CliError('BL_NOT_FOUND', noPods(service))
    for (const pod of pods) await print(pod, options.tail)
    return
  }
  if (pods.length === 0) process.stderr.write(`${noPods(service)}; waiting for one\n`)
  // Of a pod that appears later, every line is new.
  const known = new Set(pods.map(({ metadata }) => metadata.name))
  const tailOf = ({ metadata }: PodObject): number | undefined =>
    known.has(metadata.name) ? options.tail : undefined
  await followPods(target, service, (pod) => print(pod, tailOf(pod)), stop.signal)
}

/** Finds the service that a user names, or a workload without a Service, such as a worker or a Job. */
export async function serviceOf(
  target: Target,
  name: ReturnType<typeof parseServiceName>,
  namespace: string | undefined,
): Promise<FoundService> {
  const [environments, services] = await Promise.all([target.list('Environment'), target.list('Service')])
  const isService = services.some(({ metadata }) => metadata.name === name.service)
  if (isService) return findService(name, namespace, environments, services)
  const [deployments, sets, pods] = await Promise.all([
    target.list('Deployment', namespace),
    target.list('StatefulSet', namespace),
    target.list('Pod', namespace),
  ])
  const workers = workersNamed(name.service, [...deployments, ...sets], pods)
  return findService(name, namespace, environments, [...services, ...workers])
}

/** Follows each pod of the service once, also those that appear later. Resolves when the signal aborts. */
async function followPods(
  target: Target,
  service: FoundService,
  print: (pod: PodObject) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const snapshots = new Snapshots()
  const followed = new Set<string>()
  const follow = (pod: PodObject): void => {
    const { uid = pod.metadata.name } = pod.metadata
    if (followed.has(uid) || !hasStarted(pod)) return
    followed.add(uid)
    // A pod may end, or not have started yet: its next change tries again.
    print(pod).catch(() => followed.delete(uid))
  }
  await target.watch(
    ['Pod'],
    service.namespace,
    (event) => {
      if (event.type === 'SYNCED') return
      snapshots.take(event)
      for (const pod of podsOf(service, snapshots.current.Pod ?? [])) follow(pod)
    },
    signal,
  )
}

const hasStarted = ({ status }: PodObject): boolean =>
  status?.phase !== undefined && status.phase !== 'Pending'

/** Prints the lines of a container. With several pods, each line begins with the name of its pod. */
async function printLog(
  target: Target,
  pod: PodObject,
  container: string,
  options: LogOptions,
  isAlone: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace = '' } = pod.metadata
  const prefix = isAlone ? '' : `${printableLine(name)} | `
  const show = process.stdout.isTTY ? printableLog : (line: string): string => line
  await target.log(
    { namespace, pod: name, container },
    options,
    (line) => process.stdout.write(`${prefix}${show(line)}\n`),
    signal,
  )
}

/** Chooses the container: the named one, otherwise the first that is not the sidecar. */
function containerOf(pod: PodObject, wanted: string | undefined): string {
  const { containers = [], initContainers = [] } = pod.spec ?? {}
  const all = [...containers, ...initContainers].map(({ name }) => name)
  if (wanted === undefined) return all.find((name) => name !== SIDECAR_CONTAINER) ?? SIDECAR_CONTAINER
  if (all.includes(wanted)) return wanted
  const near = nearest(wanted, all)
  const remedy = near === undefined ? `it has ${all.join(', ')}` : `did you mean ${near}?`
  throw new CliError('BL_NOT_FOUND', `pod ${pod.metadata.name} has no container "${wanted}": ${remedy}`)
}

const noPods = ({ service, environment, namespace }: FoundService): string =>
  `${service}@${environment.metadata.name} has no pod in namespace ${namespace}`
