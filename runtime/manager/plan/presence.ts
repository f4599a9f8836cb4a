import { DEFAULT_WEIGHT } from '@branchline/wire/weight'
import type { SliceFacts } from '../store/objects.ts'
import { nameId, type Snapshot } from '../store/snapshot.ts'
import type { Presence } from './service.ts'

/** A sidecar's listener: which pod's, on which of its ports, for which port of the Service. */
export interface Attachment {
  readonly pod: string
  readonly inbound: number
  readonly port: number
}

/** A Service as its namespace runs it: by the Service's port numbers, and on which pods' ports. */
export interface ServicePresence {
  readonly ports: ReadonlyMap<number, Presence>
  readonly names: ReadonlyMap<string, number>
  readonly attachments: readonly Attachment[]
  /** Whether some of its endpoints are no pods. */
  readonly foreign: boolean
  readonly headless: boolean
  readonly otherPorts: readonly string[]
}

/**
 * What a Service and its EndpointSlices say together. Undefined where there is no Service, or one that has
 * no endpoints of its own. A slice's port belongs to the Service's port of the same name.
 */
export function presenceOf(snapshot: Snapshot, id: string): ServicePresence | undefined {
  const service = snapshot.services.get(id)
  if (service === undefined) return undefined
  const namespace = id.slice(0, id.indexOf('/'))
  const ready = new Map([...service.ports.values()].map((port) => [port, new Map<string, number>()]))
  const attachments = new Map<string, Attachment>()
  let foreign = false
  for (const slice of familyOf([...(snapshot.slices.get(id)?.values() ?? [])], service.family)) {
    for (const { name, number } of slice.ports) {
      const port = service.ports.get(name)
      if (port === undefined) continue
      for (const endpoint of slice.endpoints) {
        const pod = endpoint.pod === undefined ? undefined : nameId(namespace, endpoint.pod)
        if (endpoint.ready) {
          const weight = snapshot.pods.get(pod ?? '')?.weight ?? DEFAULT_WEIGHT
          add(ready.get(port), authority(endpoint.address, number, slice.family), weight)
        }
        if (pod === undefined) {
          foreign = true
          continue
        }
        const attachment = { pod, inbound: number, port }
        attachments.set(`${attachment.pod}:${number}`, attachment)
      }
    }
  }
  const ports = new Map([...ready].map(([port, weights]) => [port, presenceOfPort(weights)]))
  const { ports: names, headless, otherPorts } = service
  return { ports, names, attachments: [...attachments.values()], foreign, headless, otherPorts }
}

/** Two pods that claim one address, for a while, are one endpoint with the larger weight. */
function add(ready: Map<string, number> | undefined, endpoint: string, weight: number): void {
  ready?.set(endpoint, Math.max(ready.get(endpoint) ?? 0, weight))
}

function presenceOfPort(ready: ReadonlyMap<string, number>): Presence {
  const endpoints = [...ready.keys()].sort()
  const weighted = [...ready].filter(([, weight]) => weight !== DEFAULT_WEIGHT)
  return weighted.length === 0 ? { endpoints } : { endpoints, weights: Object.fromEntries(weighted) }
}

/** A Service of two families has every pod in slices of both; one family is enough, and counts none twice. */
function familyOf(slices: readonly SliceFacts[], family: SliceFacts['family']): readonly SliceFacts[] {
  const preferred = slices.filter((slice) => slice.family === family)
  return preferred.length > 0 ? preferred : slices
}

const authority = (address: string, port: number, family: SliceFacts['family']): string =>
  family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
