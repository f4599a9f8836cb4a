import {
  LABELS,
  MANAGER_ROUTES_PORT,
  PLATFORM_NAMESPACE,
  SIDECAR_FIRST_INBOUND_PORT,
} from '@branchline/wire/names'
import { type Finding, findingAt } from './finding.ts'
import {
  containersOf,
  type Manifest,
  nameOf,
  podTemplateOf,
  type PodTemplate,
  sameNamespace,
  shown,
} from './manifest.ts'
import { LAST_INBOUND_PORT } from './ports.ts'
import type { NamedInbound } from './sidecar.ts'

interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>> | null
  readonly matchExpressions?:
    | readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[]
    | null
}

interface PolicyPort {
  readonly protocol?: string
  readonly port?: number | string
  readonly endPort?: number
}

interface Peer {
  readonly podSelector?: LabelSelector | null
  readonly namespaceSelector?: LabelSelector | null
  readonly ipBlock?: object | null
}

interface Rule {
  readonly from?: readonly Peer[] | null
  readonly to?: readonly Peer[] | null
  readonly ports?: readonly PolicyPort[] | null
}

interface PolicySpec {
  readonly podSelector?: LabelSelector | null
  readonly policyTypes?: readonly string[] | null
  readonly ingress?: readonly Rule[] | null
  readonly egress?: readonly Rule[] | null
}

interface Policy {
  readonly object: Manifest
  readonly spec: PolicySpec
}

type Inbound = ReadonlyMap<Manifest, readonly NamedInbound[]>
type Target = readonly [workload: Manifest, listeners: readonly NamedInbound[]]

/**
 * Returns a finding for each NetworkPolicy that keeps requests from a sidecar, or a sidecar from what it needs. A policy
 * is a decision about security, so the injection does not extend it.
 */
export function policyNotices(manifests: readonly Manifest[], { inbound }: { inbound: Inbound }): Finding[] {
  const policies = manifests.flatMap((object): Policy[] => {
    const { kind, apiVersion, spec } = object
    const isPolicy = kind === 'NetworkPolicy' && apiVersion.startsWith('networking.k8s.io/')
    return isPolicy && typeof spec === 'object' && spec !== null ? [{ object, spec }] : []
  })
  if (policies.length === 0) return []
  return policies.flatMap((policy) =>
    [ingressNotice(policy, policies, inbound), egressNotice(policy, policies, inbound)].flat(),
  )
}

function ingressNotice(policy: Policy, policies: readonly Policy[], inbound: Inbound): Finding[] {
  if (!limits(policy.spec, 'Ingress')) return []
  const targets = selectedBy(policy, inbound)
  const rules = (target: Target): Rule[] =>
    policiesOf(target, policies, 'Ingress').flatMap(({ spec }) => spec.ingress ?? [])
  const ports = targets.flatMap((target) =>
    (policy.spec.ingress ?? []).flatMap((rule) => missingPorts(rule, target, target)),
  )
  const isFirst = ([workload]: Target): boolean =>
    policiesOf([workload, []], policies, 'Ingress')[0] === policy
  const closed = targets.filter((target) => isFirst(target) && !rules(target).some(reachesElsewhere))
  if (ports.length + closed.length === 0) return []
  const who = names([...new Set([...ports.map(({ workload }) => workload), ...closed.map(([it]) => it)])])
  const parts = [
    ...(ports.length > 0 ? [`allow ${pairs(ports)}`] : []),
    ...(closed.length > 0
      ? [
          `allow pods with the label ${LABELS.sidecar}: "true" in all namespaces, and the namespace ` +
            `${PLATFORM_NAMESPACE}, so that branches and previews reach it`,
        ]
      : []),
  ]
  return [
    findingAt(
      policy.object,
      'spec.ingress',
      'PolicyBlocks',
      `NetworkPolicy "${nameOf(policy.object)}" limits who reaches ${who}, whose requests now arrive at the sidecar: ` +
        parts.join('; '),
    ),
  ]
}

function egressNotice(policy: Policy, policies: readonly Policy[], inbound: Inbound): Finding[] {
  if (!limits(policy.spec, 'Egress')) return []
  const own = selectedBy(policy, inbound).filter((target) => {
    const all = policiesOf(target, policies, 'Egress')
    return all[0] === policy && !all.flatMap(({ spec }) => spec.egress ?? []).some(reachesManager)
  })
  const ports = [...inbound].flatMap((target) =>
    (policy.spec.egress ?? []).flatMap((rule) =>
      sameNamespace(target[0], policy.object) && (rule.to ?? []).some((peer) => isPeer(peer, target))
        ? missingPorts(rule, target, target)
        : [],
    ),
  )
  if (own.length + ports.length === 0) return []
  const parts = [
    ...(ports.length > 0
      ? [`where it allows calls to ${names(ports.map((it) => it.workload))}, allow ${pairs(ports)}`]
      : []),
    ...(own.length > 0
      ? [
          `the sidecar of ${names(own.map(([it]) => it))} needs the manager (namespace ${PLATFORM_NAMESPACE}, port ` +
            `${MANAGER_ROUTES_PORT}) and the sidecars of other environments (label ${LABELS.sidecar}: "true", ports ` +
            `${SIDECAR_FIRST_INBOUND_PORT} to ${LAST_INBOUND_PORT}), so allow both`,
        ]
      : []),
  ]
  return [
    findingAt(
      policy.object,
      'spec.egress',
      'PolicyBlocks',
      `NetworkPolicy "${nameOf(policy.object)}" limits what its pods reach: ${parts.join('; ')}`,
    ),
  ]
}

interface MissingPort {
  readonly workload: Manifest
  readonly from: number
  readonly to: number
}

/** The ports of listeners that a rule does not allow, although it allows the ports of the app behind them. */
function missingPorts(rule: Rule, [workload, listeners]: Target, target: Target): MissingPort[] {
  const { ports } = rule
  if (!ports || ports.length === 0) return []
  return listeners
    .filter(({ appPort }) => ports.some((port) => allows(port, appPort, target)))
    .filter(({ port: own }) => !ports.some((port) => allows(port, own, target)))
    .map(({ appPort, port }) => ({ workload, from: appPort, to: port }))
}

function allows(
  { protocol = 'TCP', port, endPort }: PolicyPort,
  number: number,
  [workload]: Target,
): boolean {
  if (protocol !== 'TCP') return false
  if (port === undefined) return true
  if (typeof port === 'number') return number >= port && number <= (endPort ?? port)
  const named = containersOf(podTemplateOf(workload) as PodTemplate).flatMap(({ ports }) => ports ?? [])
  return named.some((it) => it.name === port && it.containerPort === number)
}

const pairs = (ports: readonly MissingPort[]): string =>
  [...new Set(ports.map(({ from, to }) => `port ${to} where it allows ${from}`))].join(', ')

const names = (workloads: readonly Manifest[]): string => [...new Set(workloads.map(shown))].join(', ')

function limits({ policyTypes, egress }: PolicySpec, type: 'Ingress' | 'Egress'): boolean {
  if (policyTypes && policyTypes.length > 0) return policyTypes.includes(type)
  return type === 'Ingress' || egress !== undefined
}

const selectedBy = ({ object, spec }: Policy, inbound: Inbound): Target[] =>
  [...inbound].filter(
    ([workload]) => sameNamespace(workload, object) && matches(spec.podSelector, labelsOf(workload)),
  )

const policiesOf = ([workload]: Target, policies: readonly Policy[], type: 'Ingress' | 'Egress'): Policy[] =>
  policies.filter(
    ({ object, spec }) =>
      sameNamespace(workload, object) && limits(spec, type) && matches(spec.podSelector, labelsOf(workload)),
  )

/** The labels of a workload's pods after the injection. */
const labelsOf = (workload: Manifest): Readonly<Record<string, string>> => ({
  ...podTemplateOf(workload)?.metadata?.labels,
  [LABELS.sidecar]: 'true',
})

/** Whether the rule lets in pods of other namespaces. It may be too narrow: this asks only whether someone thought of it. */
const reachesElsewhere = ({ from }: Rule): boolean =>
  !from ||
  from.length === 0 ||
  from.some(({ namespaceSelector, ipBlock }) => !!namespaceSelector || !!ipBlock)

/** Whether the rule lets a pod connect to the manager, if it is in the namespace that the rule names. */
function reachesManager({ to, ports }: Rule): boolean {
  const isPort = ({ protocol = 'TCP', port, endPort }: PolicyPort): boolean =>
    protocol === 'TCP' &&
    (port === undefined ||
      (typeof port === 'number' && MANAGER_ROUTES_PORT >= port && MANAGER_ROUTES_PORT <= (endPort ?? port)))
  if (ports && ports.length > 0 && !ports.some(isPort)) return false
  return (
    !to || to.length === 0 || to.some(({ namespaceSelector, ipBlock }) => !!namespaceSelector || !!ipBlock)
  )
}

const isPeer = ({ podSelector, namespaceSelector, ipBlock }: Peer, [workload]: Target): boolean =>
  !ipBlock && !namespaceSelector && matches(podSelector, labelsOf(workload))

/** Evaluates a label selector. An empty one selects everything. */
function matches(
  selector: LabelSelector | null | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  const { matchLabels, matchExpressions } = selector ?? {}
  return (
    Object.entries(matchLabels ?? {}).every(([name, value]) => labels[name] === value) &&
    (matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = labels[key]
      if (operator === 'In') return value !== undefined && values.includes(value)
      if (operator === 'NotIn') return value === undefined || !values.includes(value)
      return operator === 'Exists' ? value !== undefined : value === undefined
    })
  )
}
