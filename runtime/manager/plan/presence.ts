import type { Protocol } from '@branchline/wire/inbound'
import { DEFAULT_WEIGHT } from '@branchline/wire/weight'
import type { EndpointState, SliceFacts } from '../store/objects.ts'
import { nameId, type Snapshot } from '../store/snapshot.ts'
import type { Endpoints, Presence } from './service.ts'

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
  /** What its ports speak, by number. */
  readonly protocols: ReadonlyMap<number, Protocol>
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
  const found = new Map([...service.ports.values()].map((port) => [port, new Found()]))
  const attachments = new Map<string, Attachment>()
  let foreign = false
  for (const slice of familyOf([...(snapshot.slices.get(id)?.values() ?? [])], service.family)) {
    for (const { name, number } of slice.ports) {
      const port = service.ports.get(name)
      if (port === undefined) continue
      for (const endpoint of slice.endpoints) {
        const pod = endpoint.pod === undefined ? undefined : nameId(namespace, endpoint.pod)
        const weight = snapshot.pods.get(pod ?? '')?.weight ?? DEFAULT_WEIGHT
        found.get(port)?.add(endpoint.state, authority(endpoint.address, number, slice.family), weight)
        if (pod === undefined) {
          foreign = true
          continue
        }
        const attachment = { pod, inbound: number, port }
        attachments.set(`${attachment.pod}:${number}`, attachment)
      }
    }
  }
  const ports = new Map([...found].map(([port, it]) => [port, it.presence()]))
  const { ports: names, protocols, headless, otherPorts } = service
  return { ports, names, protocols, attachments: [...attachments.values()], foreign, headless, otherPorts }
}

/** The endpoints of one port, by how they stand. */
class Found {
  readonly #weights = new Map<EndpointState, Map<string, number>>()

  /** Two pods that claim one address, for a while, are one endpoint with the larger weight. */
  add(state: EndpointState, endpoint: string, weight: number): void {
    const weights = this.#weights.get(state) ?? new Map<string, number>()
    this.#weights.set(state, weights.set(endpoint, Math.max(weights.get(endpoint) ?? 0, weight)))
  }

  presence(): Presence {
    const ready = this.#weights.get('ready')
    if (ready !== undefined) return endpointsOf(ready)
    // What still answers comes first, as for kube-proxy.
    const reserve = this.#weights.get('ending') ?? this.#weights.get('unready')
    return reserve === undefined ? { endpoints: [] } : { endpoints: [], reserve: endpointsOf(reserve) }
  }
}

function endpointsOf(weights: ReadonlyMap<string, number>): Endpoints {
  const endpoints = [...weights.keys()].sort()
  const weighted = [...weights].filter(([, weight]) => weight !== DEFAULT_WEIGHT)
  return weighted.length === 0 ? { endpoints } : { endpoints, weights: Object.fromEntries(weighted) }
}

/** A Service of two families has every pod in slices of both; one family is enough, and counts none twice. */
function familyOf(slices: readonly SliceFacts[], family: SliceFacts['family']): readonly SliceFacts[] {
  const preferred = slices.filter((slice) => slice.family === family)
  return preferred.length > 0 ? preferred : slices
}

const authority = (address: string, port: number, family: SliceFacts['family']): string =>
  family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
