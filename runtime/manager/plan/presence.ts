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
  const ready = new Map([...service.ports.values()].map((port) => [port, new Set<string>()]))
  const attachments = new Map<string, Attachment>()
  let foreign = false
  for (const slice of familyOf([...(snapshot.slices.get(id)?.values() ?? [])], service.family)) {
    for (const { name, number } of slice.ports) {
      const port = service.ports.get(name)
      if (port === undefined) continue
      for (const endpoint of slice.endpoints) {
        if (endpoint.ready) ready.get(port)?.add(authority(endpoint.address, number, slice.family))
        if (endpoint.pod === undefined) {
          foreign = true
          continue
        }
        const attachment = { pod: nameId(namespace, endpoint.pod), inbound: number, port }
        attachments.set(`${attachment.pod}:${number}`, attachment)
      }
    }
  }
  const ports = new Map([...ready].map(([port, endpoints]) => [port, { endpoints: [...endpoints].sort() }]))
  const { ports: names, headless, otherPorts } = service
  return { ports, names, attachments: [...attachments.values()], foreign, headless, otherPorts }
}

/** A Service of two families has every pod in slices of both; one family is enough, and counts none twice. */
function familyOf(slices: readonly SliceFacts[], family: SliceFacts['family']): readonly SliceFacts[] {
  const preferred = slices.filter((slice) => slice.family === family)
  return preferred.length > 0 ? preferred : slices
}

const authority = (address: string, port: number, family: SliceFacts['family']): string =>
  family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
