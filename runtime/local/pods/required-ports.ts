import { parseInbound } from '@branchline/wire/inbound'
import { ANNOTATIONS, SIDECAR_CONTAINER } from '@branchline/wire/names'
import type { Container, PodSpec } from '../kubernetes.ts'
import { appPortsOf } from './app-ports.ts'
import type { RequiredPorts } from './container.ts'

/**
 * The ports on which a container without a probe must accept to be ready. With a sidecar, these are the ports that the
 * sidecar serves; one that no container declares belongs to the first app. Without one, all that it declares.
 */
export function requiredPorts(
  container: Container,
  pod: PodSpec,
  annotations: Readonly<Record<string, string>>,
): RequiredPorts {
  const own = tcpPorts(container)
  const served = servedPorts(annotations[ANNOTATIONS.inbound])
  if (served === undefined || container.name === SIDECAR_CONTAINER) return { served: own, declared: [] }
  const apps = pod.containers.filter(({ name }) => name !== SIDECAR_CONTAINER)
  const declaredSomewhere = new Set([...apps, ...(pod.initContainers ?? [])].flatMap(tcpPorts))
  const isOwn = (port: number): boolean =>
    own.includes(port) || (container === apps[0] && !declaredSomewhere.has(port))
  return { served: served.filter(isOwn), declared: own.filter((port) => !served.includes(port)) }
}

const tcpPorts = (container: Container): number[] =>
  appPortsOf(container)
    .filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP')
    .map(({ containerPort }) => containerPort)

/** The apps' ports behind the sidecar. Undefined without a sidecar, or with an invalid annotation, which it reports. */
function servedPorts(inbound: string | undefined): number[] | undefined {
  if (inbound === undefined) return undefined
  try {
    return [...new Set(parseInbound(inbound).map(({ appPort }) => appPort))]
  } catch {
    return undefined
  }
}
