import { ANNOTATIONS } from '@branchline/wire/names'
import type { Container, PodTemplate } from './manifest.ts'
import { parseQuantity } from './quantity.ts'

/** What a sidecar may use, as quantities of Kubernetes such as `50m` and `128Mi`. */
export interface SidecarResources {
  /** CPU request. Default: 10m. */
  readonly cpu?: string
  /** Memory request. Default: 64Mi. */
  readonly memory?: string
  /** CPU limit. Default: none, because throttling adds latency. */
  readonly cpuLimit?: string
  /** Memory limit. Default: 192Mi, or the request if that is more. */
  readonly memoryLimit?: string
}

type Resources = NonNullable<Container['resources']>
type Part = keyof SidecarResources

/** Each part: its place in the container, its annotation, and the option of the command line. */
const PARTS: Readonly<Record<Part, readonly ['requests' | 'limits', 'cpu' | 'memory', string, string]>> = {
  cpu: ['requests', 'cpu', ANNOTATIONS.sidecarCpu, '--sidecar-cpu'],
  memory: ['requests', 'memory', ANNOTATIONS.sidecarMemory, '--sidecar-memory'],
  cpuLimit: ['limits', 'cpu', ANNOTATIONS.sidecarCpuLimit, '--sidecar-cpu-limit'],
  memoryLimit: ['limits', 'memory', ANNOTATIONS.sidecarMemoryLimit, '--sidecar-memory-limit'],
}
const ALL = Object.entries(PARTS) as [Part, (typeof PARTS)[Part]][]

export const DEFAULT_RESOURCES: Resources = {
  requests: { cpu: '10m', memory: '64Mi' },
  limits: { memory: '192Mi' },
}

const EXAMPLES = { cpu: '50m', memory: '128Mi' }

/** Returns the option of the command line and the annotation for a part of the resources, such as requests of cpu. */
export function namesOf(
  kind: 'requests' | 'limits',
  resource: string,
): { option: string; annotation: string } | undefined {
  const found = ALL.find(([, [of, what]]) => of === kind && what === resource)
  return found && { annotation: found[1][2], option: found[1][3] }
}

/** Yields one sentence per invalid option. */
export function* resourceFaults(given: SidecarResources): Generator<string> {
  for (const [part, [, resource, , option]] of ALL) {
    if (given[part] !== undefined && !isPositive(given[part])) yield faultOf(option, given[part], resource)
  }
  yield* pairFaults(given, ([, , , option]) => option)
}

const isPositive = (value: unknown): boolean => (parseQuantity(value) ?? 0) > 0

const faultOf = (name: string, value: unknown, resource: 'cpu' | 'memory'): string =>
  `${name} is ${JSON.stringify(value)}: wanted a quantity above 0, such as ${EXAMPLES[resource]}`

function* pairFaults(
  given: SidecarResources,
  name: (part: (typeof PARTS)[Part]) => string,
): Generator<string> {
  for (const [request, limit] of [
    ['cpu', 'cpuLimit'],
    ['memory', 'memoryLimit'],
  ] as const) {
    const [wanted, most] = [parseQuantity(given[request]), parseQuantity(given[limit])]
    if (wanted === undefined || most === undefined || wanted <= most) continue
    yield `${name(PARTS[request])} is ${given[request]}, more than ${name(PARTS[limit])} ${given[limit]}: raise the limit`
  }
}

/** Reads the annotations of a pod template: the parts that are set, and one sentence per invalid value. */
export function annotatedResources(template: PodTemplate): { given: SidecarResources; faults: string[] } {
  const given: Partial<Record<Part, string>> = {}
  const faults: string[] = []
  for (const [part, [, resource, annotation]] of ALL) {
    const value: unknown = template.metadata?.annotations?.[annotation]
    if (value === undefined || value === null) continue
    if (typeof value === 'string' && isPositive(value)) given[part] = value
    else faults.push(faultOf(annotation, value, resource))
  }
  return { given, faults: [...faults, ...pairFaults(given, ([, , annotation]) => annotation)] }
}

/**
 * Returns the resources of a sidecar: the base with the given parts. A limit below its request becomes the request,
 * because the API server refuses it.
 */
export function withParts(base: Resources, ...givens: readonly SidecarResources[]): Resources {
  const result = { requests: { ...base.requests }, limits: { ...base.limits } }
  const set = new Set<string>()
  for (const given of givens) {
    for (const [part, [kind, resource]] of ALL) {
      if (given[part] === undefined) continue
      result[kind][resource] = given[part]
      set.add(`${kind}.${resource}`)
    }
  }
  if (set.size === 0) return base
  for (const [resource, limit] of Object.entries(result.limits)) {
    const request = result.requests[resource]
    if ((parseQuantity(request) ?? 0) <= (parseQuantity(limit) ?? Infinity)) continue
    // What was set explicitly stays; the default follows it.
    if (set.has(`limits.${resource}`) && !set.has(`requests.${resource}`)) result.requests[resource] = limit
    else result.limits[resource] = request
  }
  return result
}
