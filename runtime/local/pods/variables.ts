import { LocalError } from '../errors.ts'
import { expand } from './expand.ts'
import type { Container, PodSpec } from '../kubernetes.ts'
import { resourceOf } from './resources.ts'

type Values = Readonly<Record<string, string>>

/** The facts of a pod that its variables and files may contain. */
export interface PodFacts {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly ip: string
  readonly labels: Values
  readonly annotations: Values
  readonly serviceAccount: string
}

/** The sources of a container's variables. */
export interface VariableSources {
  readonly pod: PodFacts
  readonly spec: PodSpec
  /** The result of {@link serviceVariables}. */
  readonly services: Values
  /** The values of a ConfigMap or Secret in the pod's namespace. Undefined if there is none. */
  readonly values: (kind: 'ConfigMap' | 'Secret', name: string) => Values | undefined
}

/**
 * The variables of a container, in a kubelet's order: those of the services, then `envFrom`, then `env`, in which
 * `$(NAME)` refers to earlier variables. Throws a {@link LocalError} if a value is missing and not optional.
 */
export function containerVariables(container: Container, sources: VariableSources): Record<string, string> {
  const variables: Record<string, string> = { ...sources.services, ...fromSources(container, sources) }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const found =
      valueFrom === undefined ? expand(value ?? '', variables) : valueOf(container, name, valueFrom, sources)
    if (found !== undefined) variables[name] = found
  }
  return variables
}

function fromSources(container: Container, sources: VariableSources): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const { prefix, configMapRef, secretRef } of container.envFrom ?? []) {
    const kind = configMapRef === undefined ? 'Secret' : 'ConfigMap'
    const ref = configMapRef ?? secretRef
    if (ref === undefined) continue
    const values = sources.values(kind, ref.name)
    if (values === undefined && ref.optional !== true) throw missing(kind, ref.name, 'envFrom')
    for (const [key, value] of Object.entries(values ?? {})) variables[`${prefix ?? ''}${key}`] = value
  }
  return variables
}

type ValueFrom = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>

function valueOf(
  container: Container,
  name: string,
  from: ValueFrom,
  sources: VariableSources,
): string | undefined {
  if (from.resourceFieldRef !== undefined)
    return resourceOf(sources.spec, from.resourceFieldRef, container.name)
  if (from.fieldRef !== undefined) return fieldOf(from.fieldRef.fieldPath, sources.pod)
  const kind = from.configMapKeyRef === undefined ? 'Secret' : 'ConfigMap'
  const ref = from.configMapKeyRef ?? from.secretKeyRef
  if (ref === undefined) return undefined
  const value = sources.values(kind, ref.name)?.[ref.key]
  if (value === undefined && ref.optional !== true)
    throw missing(kind, `${ref.name}[${ref.key}]`, `env ${name}`)
  return value
}

function missing(kind: string, name: string, user: string): LocalError {
  return new LocalError('BL_LOCAL_NO_VALUE', `${user} needs ${kind} ${name}, which does not exist: add it`)
}

const MAP_FIELD = /^metadata\.(labels|annotations)\['([^']+)'\]$/

/** A field of a pod by the downward API's path, such as `metadata.labels['app']`. Undefined for others. */
export function fieldOf(path: string, pod: PodFacts): string | undefined {
  const [, map, key] = MAP_FIELD.exec(path) ?? []
  if (map !== undefined && key !== undefined) return pod[map as 'labels' | 'annotations'][key] ?? ''
  switch (path) {
    case 'metadata.name':
      return pod.name
    case 'metadata.namespace':
      return pod.namespace
    case 'metadata.uid':
      return pod.uid
    case 'metadata.labels':
      return lines(pod.labels)
    case 'metadata.annotations':
      return lines(pod.annotations)
    case 'spec.serviceAccountName':
      return pod.serviceAccount
    case 'spec.nodeName':
      return 'local'
    case 'status.podIP':
    case 'status.podIPs':
      return pod.ip
    case 'status.hostIP':
    case 'status.hostIPs':
      return '127.0.0.1'
    default:
      return undefined
  }
}

const lines = (map: Values): string =>
  Object.entries(map)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n')

/** A Service from the view of its clients. */
export interface VisibleService {
  readonly name: string
  readonly ip: string
  readonly ports: readonly { readonly name?: string; readonly port: number }[]
}

/**
 * The variables with which a kubelet describes services to pods: `API_SERVICE_HOST`, `API_SERVICE_PORT`,
 * `API_SERVICE_PORT_HTTP`, and those of Docker's links. The first Service of a name wins.
 */
export function serviceVariables(services: readonly VisibleService[]): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const { name, ip, ports } of services.toReversed()) {
    const prefix = name.toUpperCase().replaceAll('-', '_')
    const [first] = ports
    if (first === undefined) continue
    variables[`${prefix}_SERVICE_HOST`] = ip
    variables[`${prefix}_SERVICE_PORT`] = String(first.port)
    variables[`${prefix}_PORT`] = `tcp://${ip}:${first.port}`
    for (const port of ports) {
      if (port.name !== undefined) {
        variables[`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`] = String(
          port.port,
        )
      }
      const link = `${prefix}_PORT_${port.port}_TCP`
      variables[link] = `tcp://${ip}:${port.port}`
      variables[`${link}_PROTO`] = 'tcp'
      variables[`${link}_PORT`] = String(port.port)
      variables[`${link}_ADDR`] = ip
    }
  }
  return variables
}
