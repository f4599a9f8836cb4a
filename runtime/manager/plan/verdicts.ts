import type { PreviewProtocol } from '@branchline/wire/tunnel/control'
import type { Environment } from '@branchline/wire/resources/environment'
import type { Preview } from '@branchline/wire/resources/preview'
import type { Problem } from '@branchline/wire/resources/validate'
import { previewLabel } from '@branchline/wire/host-label'
import type { Resolution } from '../gateway-view.ts'
import { nameId, type Unreadable } from '../store/snapshot.ts'
import { endsAtMs, heldBy } from '../expiry/expiry.ts'
import type { Forest, Node } from './forest.ts'
import type { EnvironmentPlan, Expiry, PreviewPlan, Verdict } from './plan.ts'
import type { ServicePresence } from './presence.ts'
import { namedPort, resolved } from './resolve.ts'
import { type WarningView, warningsOf } from './warnings.ts'

type PresenceByService = ReadonlyMap<string, ServicePresence>

/** The verdict about a resource that could not be parsed. */
export const unreadableVerdict = ({ message, generation }: Unreadable): Verdict => ({
  ready: false,
  reason: 'Invalid',
  message,
  generation,
})

/** The plan of an environment: its problem, or its overrides and whether they have ready endpoints. */
export function environmentPlan(
  environment: Environment,
  problem: Problem | undefined,
  forest: Forest,
  services: Iterable<string>,
  view: WarningView & { readonly expired: ReadonlySet<string> },
): EnvironmentPlan {
  const { name, generation } = environment.metadata
  const node = forest.byName.get(name)
  const expiry = expiryOf(environment, node, view.expired)
  const none = { key: undefined, overrides: [], warnings: [], expiry }
  if (problem !== undefined) return { verdict: fault(problem, generation), ...none }
  if (node === undefined) {
    const message = `spec.base "${environment.spec.base}" is not in effect: see its own condition`
    return { verdict: { ready: false, reason: 'BaseInvalid', message, generation }, ...none }
  }
  const all = [...services].sort()
  const overrides = node.type === 'branch' ? all : []
  const verdict =
    node.paused && expiry?.expired === true && !environment.spec.paused
      ? { ready: true, reason: 'Expired', message: `its ttl has ended: ${goesTo(node)}` }
      : standing(node, overrides, view.presences)
  return {
    verdict: { ...verdict, generation },
    key: node.key,
    overrides,
    warnings: warningsOf(node, all, view),
    expiry,
  }
}

const goesTo = (node: Node): string => `all requests go to ${node.above[0]?.name}`

function expiryOf(
  environment: Environment,
  node: Node | undefined,
  expired: ReadonlySet<string>,
): Expiry | undefined {
  const end = endsAtMs(environment)
  if (end === undefined) return undefined
  const { namespace, name } = environment.metadata
  const ended = expired.has(nameId(namespace, name))
  const based = ended ? (node?.below.map((below) => below.name) ?? []) : []
  const mark = heldBy(environment.metadata)
  const held =
    mark ?? (based.length > 0 ? `the environments based on it (${based.sort().join(', ')})` : undefined)
  return { endsAtMs: end, expired: ended, heldBy: held }
}

function standing(
  node: Node,
  overrides: readonly string[],
  presences: PresenceByService,
): Omit<Verdict, 'generation'> {
  if (node.paused) return { ready: true, reason: 'Paused', message: goesTo(node) }
  const unready = overrides.filter((service) => {
    const ports = presences.get(nameId(node.namespace, service))?.ports.values() ?? []
    return [...ports].some(({ endpoints }) => endpoints.length === 0)
  })
  if (unready.length > 0) {
    const named = unready.map((service) => {
      const trouble = troubleOf(presences.get(nameId(node.namespace, service)))
      return trouble === undefined ? service : `${service} ${trouble}`
    })
    const message = `no endpoint is ready: ${named.join(', ')} (${RULES[node.onUnavailable]})`
    return { ready: false, reason: 'OverrideUnavailable', message }
  }
  if (node.type !== 'branch')
    return { ready: true, reason: 'Routed', message: 'serves requests without a key' }
  const what = overrides.length === 0 ? 'overrides nothing' : `overrides ${overrides.join(', ')}`
  return { ready: true, reason: 'Routed', message: what }
}

/** A trouble is the same for all ports. */
const troubleOf = (presence: ServicePresence | undefined): string | undefined =>
  [...(presence?.ports.values() ?? [])].find(({ trouble }) => trouble !== undefined)?.trouble

const RULES = {
  baseline: 'its base serves meanwhile',
  hold: 'requests wait for it',
  fail: 'requests fail meanwhile',
} as const

/** The plan of a preview: its verdict, and its registration. */
export function previewPlan(
  preview: Preview,
  problem: Problem | undefined,
  forest: Forest,
  presences: PresenceByService,
): PreviewPlan {
  const { name, namespace, generation } = preview.metadata
  if (problem !== undefined) return { verdict: fault(problem, generation), planned: undefined }
  const no = (reason: string, message: string): Verdict => ({ ready: false, reason, message, generation })
  const node = forest.byNamespace.get(namespace)
  if (node === undefined) {
    const message = `the environment of namespace "${namespace}" is not in effect: see its condition`
    return { verdict: no('EnvironmentInvalid', message), planned: undefined }
  }
  const { service, port: wanted, access } = preview.spec
  const chain = [node, ...node.above].map((it) => it.name).join(' → ')
  const missing = no(
    'ServiceNotFound',
    `no Service ${service} with port ${wanted} in ${chain}: deploy it in one of them`,
  )
  const port = typeof wanted === 'number' ? wanted : namedPort(node, service, presences, wanted)
  if (port === undefined) return { verdict: missing, planned: undefined }
  const label = previewLabel(name, node.name)
  const id = nameId(namespace, name)
  const planned = { id, label, environment: node.name, key: node.key, service, port, access }
  const found = resolved(forest, presences, { environment: node.name, service, port })
  if (found === undefined) return { verdict: missing, planned }
  const protocol = protocolOf(found, service, port, forest, presences)
  if (protocol === 'tcp')
    return { verdict: no('ProtocolUnsupported', notHttp(service, port, found.environment)), planned }
  const declared = protocol === undefined ? planned : { ...planned, protocol }
  if (!found.ready) {
    const rest = found.endpoints.length === 0 ? '' : ': requests go to endpoints that are not ready'
    const why = found.trouble === undefined ? '' : `, because it ${found.trouble}`
    const message = `${service} of ${found.environment} has no ready endpoint${why}${rest}`
    return { verdict: no('ServiceUnavailable', message), planned: declared }
  }
  const message = `${service} of ${found.environment} serves requests`
  return { verdict: { ready: true, reason: 'Routed', message, generation }, planned: declared }
}

/** The declared protocol of the port that serves a preview. Undefined if its first bytes decide. */
function protocolOf(
  { environment }: Resolution,
  service: string,
  port: number,
  forest: Forest,
  presences: PresenceByService,
): PreviewProtocol | 'tcp' | undefined {
  const namespace = forest.byName.get(environment)?.namespace ?? ''
  const protocol = presences.get(nameId(namespace, service))?.protocols.get(port)
  return protocol === 'auto' ? undefined : protocol
}

/** Why visitors of a preview could not be served. */
const notHttp = (service: string, port: number, environment: string): string =>
  `port ${port} of ${service} in ${environment} is declared as tcp: it speaks TCP, not HTTP, but preview URLs carry ` +
  'HTTP; use a port that serves HTTP, or declare this one as http, http2 or grpc if it does'

const fault = ({ reason, message }: Problem, generation: number | undefined): Verdict => ({
  ready: false,
  reason,
  message,
  generation,
})
