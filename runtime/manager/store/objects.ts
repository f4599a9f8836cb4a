import type { KubernetesObject } from '@branchline/wire/local-api'
import { LABELS } from '@branchline/wire/names'
import { z } from 'zod'

/** A Service, as far as routes need it. */
export interface ServiceFacts {
  /** Port numbers by port name; a lone port may be nameless (an empty name). */
  readonly ports: ReadonlyMap<string, number>
  /** The address family that counts where a Service has both (its first `ipFamilies`). */
  readonly family: 'IPv4' | 'IPv6'
}

/** An endpoint of an EndpointSlice. */
export interface EndpointFacts {
  readonly address: string
  /** Ready and not terminating: new requests may go there. */
  readonly ready: boolean
  /** The name of its pod, in the slice's namespace. */
  readonly pod: string | undefined
}

/** An EndpointSlice (discovery.k8s.io/v1) of a Service. */
export interface SliceFacts {
  readonly service: string
  readonly family: 'IPv4' | 'IPv6'
  /** Numbers of the pods' ports, each with the name of the Service's port. */
  readonly ports: readonly { readonly name: string; readonly number: number }[]
  readonly endpoints: readonly EndpointFacts[]
}

/** A Pod, as far as routes need it. */
export interface PodFacts {
  readonly namespace: string
  readonly name: string
  /** Its own address; undefined while it has none, shares its node's, or has ended. */
  readonly address: string | undefined
  readonly sidecar: boolean
  readonly createdAt: string
}

const service = z.object({
  spec: z.object({
    type: z.string().optional(),
    ipFamilies: z.array(z.string()).nullish(),
    ports: z.array(z.object({ name: z.string().nullish(), port: z.number().int() })).nullish(),
  }),
})

/** Undefined where a Service has no endpoints of its own: one of type ExternalName, or without ports. */
export function parseService(object: KubernetesObject): ServiceFacts | undefined {
  const { spec } = service.parse(object)
  if (spec.type === 'ExternalName' || !spec.ports?.length) return undefined
  const ports = new Map(spec.ports.map(({ name, port }) => [name ?? '', port]))
  return { ports, family: spec.ipFamilies?.[0] === 'IPv6' ? 'IPv6' : 'IPv4' }
}

const slice = z.object({
  addressType: z.string(),
  ports: z.array(z.object({ name: z.string().nullish(), port: z.number().int().nullish() })).nullish(),
  endpoints: z
    .array(
      z.object({
        addresses: z.array(z.string()).min(1),
        conditions: z.object({ ready: z.boolean().nullish(), terminating: z.boolean().nullish() }).nullish(),
        targetRef: z.object({ kind: z.string().optional(), name: z.string().optional() }).nullish(),
      }),
    )
    .nullish(),
})
type Endpoint = NonNullable<z.infer<typeof slice>['endpoints']>[number]

/** Undefined where a slice belongs to no Service, or holds names instead of addresses. */
export function parseSlice(object: KubernetesObject): SliceFacts | undefined {
  const owner = object.metadata.labels?.['kubernetes.io/service-name']
  const { addressType, ports, endpoints } = slice.parse(object)
  if (owner === undefined || (addressType !== 'IPv4' && addressType !== 'IPv6')) return undefined
  return {
    service: owner,
    family: addressType,
    ports: (ports ?? []).flatMap(({ name, port }) => (port ? [{ name: name ?? '', number: port }] : [])),
    endpoints: (endpoints ?? []).map(toEndpoint),
  }
}

// Of an endpoint's addresses only the first counts, and an unknown readiness is ready (EndpointSlice API).
const toEndpoint = ({ addresses, conditions, targetRef }: Endpoint): EndpointFacts => ({
  address: addresses[0] as string,
  ready: conditions?.ready !== false && conditions?.terminating !== true,
  pod: targetRef?.kind === 'Pod' ? targetRef.name : undefined,
})

const pod = z.object({
  spec: z.object({ hostNetwork: z.boolean().nullish() }).nullish(),
  status: z.object({ podIP: z.string().nullish(), phase: z.string().nullish() }).nullish(),
})

/** A node's address is nobody's in particular, and that of a pod which has ended may be another's by now. */
export function parsePod(object: KubernetesObject): PodFacts {
  const { spec, status } = pod.parse(object)
  const { name, namespace = '', labels, creationTimestamp } = object.metadata
  const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed'
  return {
    namespace,
    name,
    address: ended || spec?.hostNetwork === true ? undefined : (status?.podIP ?? undefined) || undefined,
    sidecar: labels?.[LABELS.sidecar] === 'true' && !ended,
    createdAt: creationTimestamp ?? '',
  }
}
