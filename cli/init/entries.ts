import type { Manifest } from '@branchline/cdk8s/inject'
import {
  podTemplateOf,
  selects,
  type ServicePort,
  type ServiceSpec,
  serviceSpecOf,
} from '@branchline/cdk8s/inject/manifest'
import { protocolOf } from '@branchline/wire/inbound'
import { serviceReferences } from './references.ts'

/** A Service that visitors probably open. */
export interface Entry {
  readonly service: string
  readonly port: number
  /** Why, as the rest of a sentence that begins with the Service. */
  readonly reason: string
}

/** Ports of protocols that a browser does not speak: databases, caches, queues. */
const OTHER_PORTS = new Set([
  22, 25, 53, 1433, 1521, 2181, 2379, 3306, 4222, 5432, 5672, 6379, 7687, 9042, 9092, 11211, 27017,
])
/** Names of ports that are for operators. */
const OPERATORS = /^(?:metrics|prometheus|admin|debug|health|probe)/
/** The maximum number of entries that nothing but the absence of callers suggests. */
const MAX_GUESSES = 5

/**
 * Finds the Services that visitors open: those that an Ingress or an HTTPRoute leads to, and those of type LoadBalancer or
 * NodePort. Without any, those whose name no other workload mentions. Pure.
 */
export function findEntries(manifests: readonly Manifest[]): Entry[] {
  const services = manifests.filter((it) => isServed(it, manifests))
  const backends = backendsOf(manifests)
  const references = serviceReferences(manifests)
  const entries = services.flatMap((service): (Entry & { isGuess: boolean })[] => {
    const name = service.metadata.name ?? ''
    const { type, ports = [] } = serviceSpecOf(service) as ServiceSpec
    const backend = backends.find((it) => it.service === name)
    const port = entryPort(ports, backend?.port)
    if (port === undefined) return []
    if (backend !== undefined)
      return [{ service: name, port, reason: `${backend.from} leads to it`, isGuess: false }]
    if (type === 'LoadBalancer' || type === 'NodePort') {
      return [{ service: name, port, reason: `its type is ${type}`, isGuess: false }]
    }
    if (references.has(name)) return []
    return [{ service: name, port, reason: 'no other workload mentions its name', isGuess: true }]
  })
  const sure = entries.filter(({ isGuess }) => !isGuess)
  const chosen = sure.length > 0 ? sure : entries.slice(0, MAX_GUESSES)
  return chosen.map(({ service, port, reason }) => ({ service, port, reason }))
}

/** Whether a Service has pods among the manifests. */
function isServed(manifest: Manifest, manifests: readonly Manifest[]): boolean {
  const spec = serviceSpecOf(manifest)
  if (spec === undefined || spec.clusterIP === 'None') return false
  return manifests.some((it) => {
    const template = podTemplateOf(it)
    return template !== undefined && selects(spec, template)
  })
}

function entryPort(ports: readonly ServicePort[], wanted: number | string | undefined): number | undefined {
  const backend = ports.find(({ port, name }) => port === wanted || (name !== undefined && name === wanted))
  if (backend !== undefined) return backend.port
  const visible = ports.filter(
    (it) =>
      (it.protocol ?? 'TCP') === 'TCP' &&
      ['http', 'http2', 'auto'].includes(protocolOf(it)) &&
      !OTHER_PORTS.has(it.port) &&
      !OPERATORS.test(it.name ?? ''),
  )
  const chosen =
    visible.find((it) => protocolOf(it) === 'http') ?? visible.find(({ port }) => port === 80) ?? visible[0]
  return chosen?.port
}

interface Backend {
  readonly service: string
  readonly port: number | string | undefined
  readonly from: string
}

/** The Services that Ingresses and HTTPRoutes name. */
function backendsOf(manifests: readonly Manifest[]): Backend[] {
  return manifests.flatMap((manifest) => {
    const from = `${manifest.kind} "${manifest.metadata.name}"`
    if (manifest.kind === 'Ingress') return ingressBackends(manifest, from)
    if (manifest.kind === 'HTTPRoute') return routeBackends(manifest, from)
    return []
  })
}

interface IngressBackend {
  readonly service?: {
    readonly name?: string
    readonly port?: { readonly number?: number; readonly name?: string }
  }
}

function ingressBackends({ spec }: Manifest, from: string): Backend[] {
  const { defaultBackend, rules = [] } = (spec ?? {}) as {
    defaultBackend?: IngressBackend
    rules?: { http?: { paths?: { backend?: IngressBackend }[] } }[]
  }
  const all = [
    defaultBackend,
    ...rules.flatMap((rule) => (rule.http?.paths ?? []).map(({ backend }) => backend)),
  ]
  return all.flatMap((backend) => {
    const { name, port } = backend?.service ?? {}
    return name === undefined ? [] : [{ service: name, port: port?.number ?? port?.name, from }]
  })
}

function routeBackends({ spec }: Manifest, from: string): Backend[] {
  const { rules = [] } = (spec ?? {}) as {
    rules?: { backendRefs?: { kind?: string; name?: string; port?: number }[] }[]
  }
  return rules
    .flatMap(({ backendRefs = [] }) => backendRefs)
    .flatMap(({ kind = 'Service', name, port }) =>
      kind === 'Service' && name !== undefined ? [{ service: name, port, from }] : [],
    )
}
