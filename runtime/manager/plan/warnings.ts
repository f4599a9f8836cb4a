import { ANNOTATIONS } from '@branchline/wire/names'
import { DEFAULT_WEIGHT, MAX_WEIGHT } from '@branchline/wire/weight'
import { nameId } from '../store/snapshot.ts'
import type { PodIndex } from './pods.ts'
import type { Node } from './forest.ts'
import type { Warning, WarningReason } from './plan.ts'
import type { Attachment, ServicePresence } from './presence.ts'

/** Where warnings look. */
export interface WarningView {
  readonly presences: ReadonlyMap<string, ServicePresence>
  readonly pods: PodIndex
}

/**
 * What in an environment works otherwise than one may think: calls that reach an app past its sidecar, names
 * that its pods cannot find, ports that nobody overrides. One sentence each, sorted, that says what to do.
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
    `${workload} does not search ${names}: its calls by short names do not find what this branch does not ` +
      'run; inject it with its base (branchline inject), or add that to spec.dnsConfig.searches',
  )
}

/** Replicas of one workload that say the same are said once. */
function weightWarning(pod: string, { pods }: WarningView, warn: Warn): void {
  const { badWeight, workload } = pods.get(pod) ?? {}
  if (badWeight === undefined) return
  const said = badWeight.length > MAX_QUOTED ? `${badWeight.slice(0, MAX_QUOTED)}…` : badWeight
  warn(
    'WeightInvalid',
    `${workload} has the annotation ${ANNOTATIONS.weight}: ${JSON.stringify(said)}, which is no whole number ` +
      `from 0 to ${MAX_WEIGHT}: its pods have the weight ${DEFAULT_WEIGHT}; correct it in the pod template`,
  )
}
const MAX_QUOTED = 32

/** Whether a search domain is a namespace's, whatever the cluster's own domain is. */
const searchesIn = (domain: string, namespace: string): boolean =>
  domain === `${namespace}.svc` || domain.startsWith(`${namespace}.svc.`)

function serviceWarnings(node: Node, service: string, view: WarningView, warn: Warn): void {
  const presence = view.presences.get(nameId(node.namespace, service))
  if (presence === undefined) return
  if (presence.headless) {
    warn(
      'HeadlessService',
      `Service "${service}" is headless: callers reach its pods themselves, past the sidecar, and are not ` +
        'routed; add a Service with a cluster address and call that',
    )
    return
  }
  if (presence.otherPorts.length > 0) {
    const ports = presence.otherPorts.join(', ')
    warn('NotTcp', `Service "${service}" has ${ports}: only TCP is routed, so that goes straight to the app`)
  }
  if (presence.foreign) {
    warn(
      'PastSidecar',
      `Service "${service}" has endpoints that are no pods: nothing routes there; let it select a workload ` +
        'with a sidecar',
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
    warn(
      'HostNetwork',
      `Service "${service}" leads to ${workload}, which has hostNetwork: its ports are the node's, so it is ` +
        'not routed; remove hostNetwork where it is not needed',
    )
  } else if (pod.address !== undefined && !pod.sidecar) {
    warn(
      'PastSidecar',
      `Service "${service}" leads to ${workload}, which has no sidecar: it is not routed; inject it ` +
        '(branchline inject)',
    )
  } else if (pod.sidecar && inbound !== undefined && !inbound.includes(attachment.inbound)) {
    warn(
      'PastSidecar',
      `Service "${service}" port ${attachment.port} leads to port ${attachment.inbound} of ${workload}, past ` +
        'its sidecar: it is not routed; inject Service and workload together (branchline inject)',
    )
  }
}

/** Callers use the port numbers of the Service that the base has: an override without them is passed by. */
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
      `requests to ${list} stay there; give the override that port too`,
  )
}
