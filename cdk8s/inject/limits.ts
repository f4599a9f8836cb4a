import { type Finding, findingAt } from './finding.ts'
import { sidecarOf } from './join.ts'
import { type Container, type Manifest, nameOf, podTemplateOf, sameNamespace, shown } from './manifest.ts'
import { parseQuantity } from './quantity.ts'
import { namesOf } from './resources.ts'

type Amounts = Readonly<Record<string, unknown>>
type Resources = NonNullable<Container['resources']>

interface LimitItem {
  readonly type?: string
  readonly min?: Amounts | null
  readonly max?: Amounts | null
  readonly default?: Amounts | null
  readonly defaultRequest?: Amounts | null
}

/** The bounds of a container, and what it gets if it sets nothing. */
interface Bounds {
  readonly min: Amounts
  readonly max: Amounts
  readonly limit: Amounts
  readonly request: Amounts
}

/**
 * Returns a finding for each ResourceQuota and LimitRange of the workloads with sidecars: what it counts, and why it would
 * refuse their pods. Call it with the injected manifests.
 */
export function limitNotices(manifests: readonly Manifest[], injected: readonly Manifest[]): Finding[] {
  return manifests.flatMap((object) => {
    if (object.apiVersion !== 'v1') return []
    const own = injected.filter((workload) => sameNamespace(workload, object))
    if (own.length === 0) return []
    if (object.kind === 'LimitRange') return limitRangeNotice(object, own)
    return object.kind === 'ResourceQuota' ? quotaNotice(object, own, manifests) : []
  })
}

const resourcesOf = (workload: Manifest): Resources => sidecarOf(podTemplateOf(workload))?.resources ?? {}

/** The bounds that a LimitRange has for containers, with the defaults that the API server derives from them. */
function boundsOf(limitRange: Manifest): Bounds[] {
  const { limits } = (limitRange.spec ?? {}) as { limits?: readonly LimitItem[] | null }
  return (limits ?? []).flatMap(({ type, min, max, default: given, defaultRequest }) => {
    if (type !== 'Container') return []
    const limit = { ...max, ...given }
    return { min: { ...min }, max: { ...max }, limit, request: { ...min, ...limit, ...defaultRequest } }
  })
}

function limitRangeNotice(object: Manifest, own: readonly Manifest[]): Finding[] {
  const refused = own.filter((workload) => faultsIn(object, workload).length > 0)
  const [first] = refused
  if (first === undefined) return []
  const faults = faultsIn(object, first)
  return [
    findingAt(
      object,
      'spec.limits',
      'LimitRefuses',
      `LimitRange "${nameOf(object)}" refuses pods of ${some(refused)}, because of their sidecar: ` +
        `${faults.map(({ sentence }) => sentence).join(', ')}; ${remedy(faults)}`,
    ),
  ]
}

interface Fault {
  readonly sentence: string
  readonly kind: 'requests' | 'limits'
  readonly resource: string
  /** The value that would be accepted. */
  readonly value: string
}

const faultsIn = (limitRange: Manifest, workload: Manifest): Fault[] =>
  boundsOf(limitRange).flatMap((bounds) => faultsAgainst(bounds, resourcesOf(workload)))

function faultsAgainst({ min, max, ...defaults }: Bounds, { requests, limits }: Resources): Fault[] {
  // A container with a limit and without a request requests its limit.
  const request = { ...defaults.request, ...limits, ...requests }
  const limit = { ...defaults.limit, ...limits }
  const beyond = (kind: Fault['kind'], has: Amounts, bound: Amounts, sign: 1 | -1, word: string): Fault[] =>
    Object.entries(bound).flatMap(([resource, value]) => {
      const [actual, allowed] = [parseQuantity(has[resource]), parseQuantity(value)]
      if (actual === undefined || allowed === undefined || sign * (actual - allowed) <= 0) return []
      const sentence = `${kind}.${resource} is ${String(has[resource])}, ${word} ${String(value)}`
      return [{ sentence, kind, resource, value: String(value) }]
    })
  return [
    ...beyond('requests', request, min, -1, 'below the minimum'),
    ...beyond('limits', limit, max, 1, 'above the maximum'),
  ]
}

function remedy(faults: readonly Pick<Fault, 'kind' | 'resource' | 'value'>[]): string {
  const known = faults.flatMap(({ kind, resource, value }) => {
    const found = namesOf(kind, resource)
    return found === undefined ? [] : [{ ...found, value }]
  })
  const options = known.map(({ option, value }) => `${option} ${value}`).join(' and ')
  const annotations = known.map(({ annotation }) => annotation).join(', ')
  return `set ${options}, or the ${known.length === 1 ? 'annotation' : 'annotations'} ${annotations}`
}

const COUNTED: Readonly<Record<string, readonly ['requests' | 'limits', string]>> = {
  cpu: ['requests', 'cpu'],
  memory: ['requests', 'memory'],
  'requests.cpu': ['requests', 'cpu'],
  'requests.memory': ['requests', 'memory'],
  'limits.cpu': ['limits', 'cpu'],
  'limits.memory': ['limits', 'memory'],
}
const EXAMPLES: Readonly<Record<string, string>> = { cpu: '500m', memory: '192Mi' }

function quotaNotice(object: Manifest, own: readonly Manifest[], manifests: readonly Manifest[]): Finding[] {
  const { hard } = (object.spec ?? {}) as { hard?: Amounts | null }
  const counted = Object.keys(hard ?? {}).flatMap((name) => {
    const [kind, resource] = COUNTED[name] ?? []
    return kind === undefined || resource === undefined ? [] : [{ name, kind, resource }]
  })
  if (counted.length === 0) return []
  const defaults = manifests
    .filter((it) => it.kind === 'LimitRange' && it.apiVersion === 'v1' && sameNamespace(it, object))
    .flatMap(boundsOf)
  const has = (workload: Manifest, kind: 'requests' | 'limits', resource: string): unknown => {
    const { requests, limits } = resourcesOf(workload)
    const fallback = (of: 'request' | 'limit'): unknown =>
      defaults.find((bounds) => resource in bounds[of])?.[of][resource]
    const limit = limits?.[resource] ?? fallback('limit')
    return kind === 'limits' ? limit : (requests?.[resource] ?? limit ?? fallback('request'))
  }
  const lacking = counted.filter(({ kind, resource }) =>
    own.some((it) => has(it, kind, resource) === undefined),
  )
  const [first] = own as [Manifest]
  const amounts = counted
    .filter((it) => !lacking.includes(it))
    .map(({ name, kind, resource }) => `${String(has(first, kind, resource))} of ${name}`)
  const counts =
    amounts.length === 0
      ? ''
      : `ResourceQuota "${nameOf(object)}" counts the sidecars: each pod of ${some(own)} needs ${amounts.join(', ')} more`
  const missing = lacking.map(({ kind, resource }) => ({ kind, resource, value: EXAMPLES[resource] ?? '' }))
  const refusal =
    lacking.length === 0
      ? ''
      : `ResourceQuota "${nameOf(object)}" wants ${lacking.map(({ name }) => name).join(', ')} of every container, which ` +
        `the sidecars do not have, so pods of ${some(own)} are refused: ${remedy(missing)}`
  return [counts, refusal]
    .filter((sentence) => sentence !== '')
    .map((sentence) =>
      findingAt(object, 'spec.hard', sentence === refusal ? 'LimitRefuses' : 'QuotaCounts', sentence),
    )
}

function some(workloads: readonly Manifest[]): string {
  const [first, ...others] = workloads
  const name = first === undefined ? '' : shown(first)
  return others.length === 0 ? name : `${name} and ${others.length} more`
}
