import { formatEndpoint } from '@branchline/wire/endpoint'
import type { Protocol } from '@branchline/wire/inbound'
import { DEFAULT_WEIGHT } from '@branchline/wire/weight'
import type { EndpointState, SliceFacts } from '../store/objects.ts'
import { nameId, type Snapshot } from '../store/snapshot.ts'
import type { Endpoints, Presence } from './service.ts'

/** A sidecar's listener: its pod, its port there, and the Service's port that leads to it. */
export interface Attachment {
  readonly pod: string
  readonly inbound: number
  readonly port: number
}

/** A Service in one namespace: its endpoints by the Service's port numbers, and the sidecars behind it. */
export interface ServicePresence {
  readonly ports: ReadonlyMap<number, Presence>
  readonly names: ReadonlyMap<string, number>
  /** The protocols of its ports, by number. */
  readonly protocols: ReadonlyMap<number, Protocol>
  readonly attachments: readonly Attachment[]
  /** Whether some of its endpoints are not pods. */
  readonly foreign: boolean
  readonly headless: boolean
  readonly otherPorts: readonly string[]
}

/**
 * The combination of a Service and its EndpointSlices. Undefined if there is no Service, or it has no endpoints of
 * its own. A slice's port belongs to the Service's port of the same name.
 */
export function presenceOf(snapshot: Snapshot, id: string): ServicePresence | undefined {
  const service = snapshot.services.get(id)
  if (service === undefined) return undefined
  const namespace = id.slice(0, id.indexOf('/'))
  const found = new Map([...service.ports.values()].map((port) => [port, new PortEndpoints()]))
  const attachments = new Map<string, Attachment>()
  let foreign = false
  for (const slice of familyOf([...(snapshot.slices.get(id)?.values() ?? [])], service.family)) {
    for (const { name, number } of slice.ports) {
      const port = service.ports.get(name)
      if (port === undefined) continue
      for (const endpoint of slice.endpoints) {
        const pod = endpoint.pod === undefined ? undefined : nameId(namespace, endpoint.pod)
        const weight = snapshot.pods.get(pod ?? '')?.weight ?? DEFAULT_WEIGHT
        found.get(port)?.add(endpoint.state, formatEndpoint(endpoint.address, number), weight)
        if (pod === undefined) {
          foreign = true
          continue
        }
        const attachment = { pod, inbound: number, port }
        attachments.set(`${attachment.pod}:${number}`, attachment)
      }
    }
  }
  const trouble = snapshot.troubleOf(id)
  const ports = new Map([...found].map(([port, it]) => [port, it.presence(trouble)]))
  const { ports: names, protocols, headless, otherPorts } = service
  return { ports, names, protocols, attachments: [...attachments.values()], foreign, headless, otherPorts }
}

/** The endpoints of one port, by state. */
class PortEndpoints {
  readonly #weights = new Map<EndpointState, Map<string, number>>()

  /** While two pods claim one address, they are one endpoint with the larger weight. */
  add(state: EndpointState, endpoint: string, weight: number): void {
    const weights = this.#weights.get(state) ?? new Map<string, number>()
    this.#weights.set(state, weights.set(endpoint, Math.max(weights.get(endpoint) ?? 0, weight)))
  }

  presence(trouble: string | undefined): Presence {
    const ready = this.#weights.get('ready')
    if (ready !== undefined) return endpointsOf(ready)
    // Like kube-proxy, prefer endpoints that still serve.
    const reserve = this.#weights.get('ending') ?? this.#weights.get('unready')
    return {
      endpoints: [],
      ...(reserve !== undefined && { reserve: endpointsOf(reserve) }),
      ...(trouble !== undefined && { trouble }),
    }
  }
}

function endpointsOf(weights: ReadonlyMap<string, number>): Endpoints {
  const endpoints = [...weights.keys()].sort()
  const weighted = [...weights].filter(([, weight]) => weight !== DEFAULT_WEIGHT)
  return weighted.length === 0 ? { endpoints } : { endpoints, weights: Object.fromEntries(weighted) }
}

/** A dual-stack Service lists every pod in slices of both families. One family is enough, and counts no pod twice. */
function familyOf(slices: readonly SliceFacts[], family: SliceFacts['family']): readonly SliceFacts[] {
  const preferred = slices.filter((slice) => slice.family === family)
  return preferred.length > 0 ? preferred : slices
}
