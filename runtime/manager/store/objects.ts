import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { type Protocol, protocolOf } from '@branchline/wire/inbound'
import { z } from 'zod'

/** The facts of a Service that routes need. */
export interface ServiceFacts {
  /** Numbers of its TCP ports by port name. A single port may have no name (an empty name). */
  readonly ports: ReadonlyMap<string, number>
  /** The protocols of its TCP ports, by number, from their `appProtocol` or name. */
  readonly protocols: ReadonlyMap<number, Protocol>
  /** Its other ports, such as `53/UDP`, which are not routed. */
  readonly otherPorts: readonly string[]
  /** Whether it has no address of its own (`clusterIP: None`), so that callers connect to the pods directly. */
  readonly headless: boolean
  /** The address family to use if a Service has both (its first `ipFamilies`). */
  readonly family: 'IPv4' | 'IPv6'
}

/**
 * The state of an endpoint. `ready`: new requests may go there. `ending`: it is terminating and still serves.
 * `unready`: it runs, and reports that it is not ready. `gone`: it is terminating and no longer serves.
 */
export type EndpointState = 'ready' | 'ending' | 'unready' | 'gone'

/** An endpoint of an EndpointSlice. */
interface EndpointFacts {
  readonly address: string
  readonly state: EndpointState
  /** The name of its pod, in the slice's namespace. */
  readonly pod: string | undefined
}

/** An EndpointSlice (discovery.k8s.io/v1) of a Service. */
export interface SliceFacts {
  readonly service: string
  readonly family: 'IPv4' | 'IPv6'
  /** Numbers of the pods' TCP ports, each with the name of the Service's port. */
  readonly ports: readonly { readonly name: string; readonly number: number }[]
  readonly endpoints: readonly EndpointFacts[]
}

const service = z.object({
  spec: z.object({
    type: z.string().optional(),
    clusterIP: z.string().nullish(),
    ipFamilies: z.array(z.string()).nullish(),
    ports: z
      .array(
        z.object({
          name: z.string().nullish(),
          port: z.number().int(),
          protocol: z.string().nullish(),
          appProtocol: z.string().nullish(),
        }),
      )
      .nullish(),
  }),
})
type ServicePort = NonNullable<z.infer<typeof service>['spec']['ports']>[number]

/** Undefined if a Service has no endpoints of its own, because it has the type ExternalName or no ports. */
export function parseService(object: KubernetesObject): ServiceFacts | undefined {
  const { spec } = service.parse(object)
  if (spec.type === 'ExternalName' || !spec.ports?.length) return undefined
  return {
    protocols: new Map(spec.ports.filter(isTcp).map((port) => [port.port, declared(port)])),
    ports: new Map(spec.ports.filter(isTcp).map(({ name, port }) => [name ?? '', port])),
    otherPorts: spec.ports.filter((port) => !isTcp(port)).map(({ port, protocol }) => `${port}/${protocol}`),
    headless: spec.clusterIP === 'None',
    family: spec.ipFamilies?.[0] === 'IPv6' ? 'IPv6' : 'IPv4',
  }
}

const declared = ({ name, appProtocol }: ServicePort): Protocol =>
  protocolOf({ ...(isGiven(name) && { name }), ...(isGiven(appProtocol) && { appProtocol }) })

const isGiven = (text: string | null | undefined): text is string => text !== null && text !== undefined

const isTcp = ({ protocol }: { protocol?: string | null | undefined }): boolean =>
  (protocol ?? 'TCP') === 'TCP'

const slice = z.object({
  addressType: z.string(),
  ports: z
    .array(
      z.object({
        name: z.string().nullish(),
        port: z.number().int().nullish(),
        protocol: z.string().nullish(),
      }),
    )
    .nullish(),
  endpoints: z
    .array(
      z.object({
        addresses: z.array(z.string()).min(1),
        conditions: z
          .object({
            ready: z.boolean().nullish(),
            serving: z.boolean().nullish(),
            terminating: z.boolean().nullish(),
          })
          .nullish(),
        targetRef: z.object({ kind: z.string().optional(), name: z.string().optional() }).nullish(),
      }),
    )
    .nullish(),
})
type Endpoint = NonNullable<z.infer<typeof slice>['endpoints']>[number]

/** Undefined if a slice belongs to no Service, or contains names instead of addresses. */
export function parseSlice(object: KubernetesObject): SliceFacts | undefined {
  const owner = object.metadata.labels?.['kubernetes.io/service-name']
  const { addressType, ports, endpoints } = slice.parse(object)
  if (owner === undefined || (addressType !== 'IPv4' && addressType !== 'IPv6')) return undefined
  return {
    service: owner,
    family: addressType,
    ports: (ports ?? [])
      .filter(isTcp)
      .flatMap(({ name, port }) => (port ? [{ name: name ?? '', number: port }] : [])),
    endpoints: (endpoints ?? []).map(toEndpoint),
  }
}

// Only the first address of an endpoint counts, and an unknown readiness means ready (EndpointSlice API).
const toEndpoint = ({ addresses, conditions, targetRef }: Endpoint): EndpointFacts => ({
  address: addresses[0] as string,
  state: stateOf(conditions ?? {}),
  pod: targetRef?.kind === 'Pod' ? targetRef.name : undefined,
})

function stateOf({ ready, serving, terminating }: NonNullable<Endpoint['conditions']>): EndpointState {
  if (terminating === true) return serving === true ? 'ending' : 'gone'
  return ready === false ? 'unready' : 'ready'
}
