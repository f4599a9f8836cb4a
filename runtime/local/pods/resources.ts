import { availableParallelism, totalmem } from 'node:os'
import type { PodSpec } from '../kubernetes.ts'

/** A reference to a request or a limit of a container (Kubernetes: ResourceFieldSelector). */
export interface ResourceFieldRef {
  readonly containerName?: string | undefined
  /** Such as `limits.memory`. */
  readonly resource: string
  readonly divisor?: string | number | undefined
}

const QUANTITY = /^([+-]?[\d.]+)(?:(m|k|[MGTPE]|[KMGTPE]i)|[eE]([+-]?\d+))?$/
const DECIMAL = ['k', 'M', 'G', 'T', 'P', 'E']
const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']

/** The value of a quantity such as `500m`, `1.5`, `64Mi` or `1e3`. Undefined for other texts. */
export function quantityOf(text: string): number | undefined {
  const [, digits, suffix, exponent] = QUANTITY.exec(text) ?? []
  const value = Number(digits)
  if (digits === undefined || Number.isNaN(value)) return undefined
  if (exponent !== undefined) return value * 10 ** Number(exponent)
  if (suffix === undefined) return value
  if (suffix === 'm') return value / 1000
  return (
    value *
    (suffix.endsWith('i') ? 1024 ** (BINARY.indexOf(suffix) + 1) : 1000 ** (DECIMAL.indexOf(suffix) + 1))
  )
}

/**
 * The value of a request or limit, in units of the divisor and rounded up. A limit that is not set is what the machine
 * has, like on a cluster the capacity of the node. Undefined for other resources.
 */
export function resourceOf(spec: PodSpec, ref: ResourceFieldRef, own?: string): string | undefined {
  const name = ref.containerName ?? own
  const container = [...(spec.initContainers ?? []), ...spec.containers].find((one) => one.name === name)
  const [list, ...rest] = ref.resource.split('.')
  const resource = rest.join('.')
  const resources = container?.resources as
    | Record<string, Record<string, string | number> | undefined>
    | null
    | undefined
  const given =
    resources?.[list ?? '']?.[resource] ??
    (list === 'requests' ? resources?.['limits']?.[resource] : undefined)
  const value = given === undefined ? capacityOf(list, resource) : quantityOf(String(given))
  const divisor = quantityOf(String(ref.divisor ?? '1'))
  if (value === undefined || divisor === undefined) return undefined
  // A divisor of 0 stands for 1 (Kubernetes: the default of the field).
  return String(Math.ceil(value / (divisor === 0 ? 1 : divisor)))
}

function capacityOf(list: string | undefined, resource: string): number | undefined {
  if (list === 'requests') return 0
  if (resource === 'cpu') return availableParallelism()
  return resource === 'memory' ? totalmem() : undefined
}
