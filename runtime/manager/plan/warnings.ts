import { ANNOTATIONS } from '@branchline/wire/names'
import { headlessSentence, hostNetworkSentence, notTcpSentence } from '@branchline/wire/unrouted'
import { DEFAULT_WEIGHT, MAX_WEIGHT } from '@branchline/wire/weight'
import { nameId } from '../store/snapshot.ts'
import type { PodIndex } from './pods.ts'
import type { Node } from './forest.ts'
import type { Warning, WarningReason } from './plan.ts'
import type { Attachment, ServicePresence } from './presence.ts'

/** What warnings are derived from. */
export interface WarningView {
  readonly presences: ReadonlyMap<string, ServicePresence>
  readonly pods: PodIndex
}

/**
 * What works differently in an environment from what users may expect: calls that bypass a sidecar, names that its
 * pods cannot resolve, ports that are not overridden. Each is one sentence with its remedy. Sorted.
 */
export function warningsOf(node: Node, services: Iterable<string>, view: WarningView): Warning[] {
  const found = new Map<string, Warning>()
  const warn = (reason: WarningReason, message: string): void => {
    found.set(message, { reason, message })
  }
  for (const pod of view.pods.inNamespace(node.namespace)) {
    searchWarning(node, pod, view, warn)
    weightWarning(pod, view, warn)
  }
  for (const service of services) serviceWarnings(node, service, view, warn)
  return [...found.values()].sort((one, two) => (one.message < two.message ? -1 : 1))
}

type Warn = (reason: WarningReason, message: string) => void

function searchWarning(node: Node, pod: string, { pods }: WarningView, warn: Warn): void {
  const { searches, workload } = pods.get(pod) ?? {}
  if (searches === undefined) return
  const missing = node.above.filter(({ namespace }) => !searches.some((it) => searchesIn(it, namespace)))
  if (missing.length === 0) return
  const names = missing.map(({ namespace }) => `${namespace}.svc.cluster.local`).join(', ')
  warn(
    'SearchListIncomplete',
    `${workload} does not search ${names}: its calls by short names do not find services that this branch does not ` +
      'run; inject it with its base (branchline inject), or add that to spec.dnsConfig.searches',
  )
}

/** Equal warnings about replicas of one workload become one. */
function weightWarning(pod: string, { pods }: WarningView, warn: Warn): void {
  const { badWeight, workload } = pods.get(pod) ?? {}
  if (badWeight === undefined) return
  const quoted = badWeight.length > MAX_QUOTED ? `${badWeight.slice(0, MAX_QUOTED)}…` : badWeight
  warn(
    'WeightInvalid',
    `${workload} has the annotation ${ANNOTATIONS.weight}: ${JSON.stringify(quoted)}, which is not a whole number ` +
      `from 0 to ${MAX_WEIGHT}: its pods have the weight ${DEFAULT_WEIGHT}; correct it in the pod template`,
  )
}
const MAX_QUOTED = 32

/** Whether a search domain belongs to a namespace, whatever the cluster's domain is. */
const searchesIn = (domain: string, namespace: string): boolean =>
  domain === `${namespace}.svc` || domain.startsWith(`${namespace}.svc.`)

function serviceWarnings(node: Node, service: string, view: WarningView, warn: Warn): void {
  const presence = view.presences.get(nameId(node.namespace, service))
  if (presence === undefined) return
  if (presence.headless) {
    warn('HeadlessService', headlessSentence(service))
    return
  }
  if (presence.otherPorts.length > 0) {
    warn('NotTcp', notTcpSentence(service, presence.otherPorts))
  }
  if (presence.foreign) {
    warn(
      'PastSidecar',
      `Service "${service}" has endpoints that are not pods: requests to them are not routed; let it select a ` +
        'workload with a sidecar',
    )
  }
  for (const attachment of presence.attachments) attachmentWarning(service, attachment, view.pods, warn)
  portWarning(node, service, presence, view.presences, warn)
}

function attachmentWarning(service: string, attachment: Attachment, pods: PodIndex, warn: Warn): void {
  const pod = pods.get(attachment.pod)
  if (pod === undefined) return
  const { workload, inbound } = pod
  if (pod.hostNetwork) {
    warn('HostNetwork', hostNetworkSentence(service, workload))
  } else if (pod.addresses.length > 0 && !pod.sidecar) {
    warn(
      'PastSidecar',
      `Service "${service}" leads to ${workload}, which has no sidecar: requests are not routed; inject it ` +
        '(branchline inject)',
    )
  } else if (pod.sidecar && inbound !== undefined && !inbound.includes(attachment.inbound)) {
    warn(
      'PastSidecar',
      `Service "${service}" port ${attachment.port} leads to port ${attachment.inbound} of ${workload}, bypassing ` +
        'its sidecar: requests are not routed; inject Service and workload together (branchline inject)',
    )
  }
}

/** Callers use the port numbers of the base's Service. The override does not get requests to ports that it lacks. */
function portWarning(
  node: Node,
  service: string,
  { ports }: ServicePresence,
  presences: ReadonlyMap<string, ServicePresence>,
  warn: Warn,
): void {
  const base = node.above.find(({ namespace }) => presences.has(nameId(namespace, service)))
  if (base === undefined) return
  const wanted = presences.get(nameId(base.namespace, service))?.ports ?? new Map<number, unknown>()
  const missing = [...wanted.keys()].filter((port) => !ports.has(port))
  if (missing.length === 0) return
  const list = missing.join(', ')
  warn(
    'PortMissing',
    `Service "${service}" has port ${[...ports.keys()].join(', ') || 'none'}, but ${base.name} has ${list}: ` +
      `${base.name} serves requests to ${list}; add ${missing.length === 1 ? 'it' : 'them'} to the override`,
  )
}
