import { type KubernetesObject, selectsLabels } from '@branchline/wire/kubernetes'
import { podTrouble } from '@branchline/wire/pod-trouble'
import { JOB_LABEL } from '../view/services.ts'

/** A Service with its pods, or pods that belong to no Service. */
export interface ServiceView {
  /** The name of the Service, or of the pods' workload. */
  readonly name: string
  readonly namespace: string
  /** Whether one of its pods is ready, so that a request would be answered. */
  readonly ready: boolean
  /** Why not: words that follow the name, such as `exited with code 1: DB_URL is not set`. */
  readonly why?: string
  /** How its last pod ended, if it runs to an end and has. Then it is neither ready nor awaited. */
  readonly ended?: 'Succeeded' | 'Failed'
  /** Whether its pods end by themselves, so that no request waits for them. Absent for Services. */
  readonly isJob?: boolean
  /** The names of its pods. */
  readonly pods: readonly string[]
}

interface PodView {
  readonly name: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly ready: boolean
  readonly why: string
  readonly ended: ServiceView['ended']
}

/** Returns all Services with pods, and the pods that no Service selects, sorted by namespace and name. */
export function serviceViews(
  services: readonly KubernetesObject[],
  pods: readonly KubernetesObject[],
): ServiceView[] {
  const views = pods.filter(({ metadata }) => !('deletionTimestamp' in metadata)).map(podView)
  const found = new Map<string, ServiceView>()
  const selected = new Set<PodView>()
  for (const service of services) {
    const own = views.filter((pod) => selects(service, pod))
    if (own.length === 0) continue
    for (const pod of own) selected.add(pod)
    const { name, namespace = '' } = service.metadata
    const view = viewOf(name, namespace, own)
    // Two Services of the same pods are one: the first has the name by which callers usually know it.
    const key = `${namespace} ${view.pods.join()}`
    if (!found.has(key)) found.set(key, view)
  }
  const others = Map.groupBy(
    views.filter((pod) => !selected.has(pod)),
    (pod) => `${pod.namespace} ${workloadOf(pod)}`,
  )
  for (const [key, own] of others) {
    const [first] = own as [PodView]
    const view = viewOf(workloadOf(first), first.namespace, own)
    found.set(key, JOB_LABEL in first.labels ? { ...view, isJob: true } : view)
  }
  return [...found.values()].sort(
    (one, two) => one.namespace.localeCompare(two.namespace) || one.name.localeCompare(two.name),
  )
}

/** Why an environment is not ready, by its pods. Undefined if every Service has a ready pod. */
export function whyNotReady(services: readonly ServiceView[], namespace: string): string | undefined {
  const unready = services.filter(
    ({ ready, ended, isJob, ...service }) =>
      service.namespace === namespace && !ready && ended === undefined && isJob !== true,
  )
  return unready.length === 0 ? undefined : unready.map(({ name, why }) => `${name} ${why}`).join('; ')
}

function viewOf(name: string, namespace: string, pods: readonly PodView[]): ServiceView {
  const running = pods.filter((pod) => pod.ended === undefined)
  const names = pods.map((pod) => pod.name)
  const view = { name, namespace, pods: names }
  if (running.some((pod) => pod.ready)) return { ...view, ready: true }
  // The newest pod is the one that people wait for.
  const { why = '', ended } = running.at(-1) ?? pods.at(-1) ?? {}
  return { ...view, ready: false, why, ...(ended !== undefined && { ended }) }
}

function podView(pod: KubernetesObject): PodView {
  const { name, namespace = '', labels = {} } = pod.metadata
  const { conditions = [], phase } = (pod['status'] ?? {}) as {
    phase?: string
    conditions?: { type: string; status: string }[]
  }
  const ready = conditions.find(({ type }) => type === 'Ready')
  const why = podTrouble(pod, { messages: true }) ?? 'is starting'
  const ended = phase === 'Succeeded' || phase === 'Failed' ? phase : undefined
  return { name, namespace, labels, ready: ready?.status === 'True', why, ended }
}

function selects({ metadata, spec }: KubernetesObject, pod: PodView): boolean {
  const { selector } = (spec ?? {}) as { selector?: Readonly<Record<string, string>> }
  return metadata.namespace === pod.namespace && selectsLabels(selector, pod.labels)
}

/** The name of the workload: that of the Job, or of the pod without its hash and its own part. */
const workloadOf = ({ name, labels }: PodView): string => {
  const job = labels[JOB_LABEL]
  if (job !== undefined) return job
  const hash = labels['pod-template-hash']
  const end = hash === undefined ? -1 : name.lastIndexOf(`-${hash}-`)
  return end === -1 ? name.replace(/-\d+$/, '') : name.slice(0, end)
}
