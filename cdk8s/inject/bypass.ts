import { ANNOTATIONS, SIDECAR_ADMIN_PORT, SIDECAR_MAX_INBOUND_PORTS } from '@branchline/wire/names'
import { headlessSentence, hostNetworkSentence, notTcpSentence } from '@branchline/wire/unrouted'
import type { FindingReason } from './finding.ts'
import {
  type Manifest,
  nameOf,
  podTemplateOf,
  type PodTemplate,
  type ServicePort,
  type ServiceSpec,
  shown,
  targetNumber,
} from './manifest.ts'
import { othersSelectedBy } from './selection.ts'
import { whoDisables } from './switch.ts'

/** Why requests bypass the sidecar: the field, the reason, and a sentence with the remedy. */
export type Why = readonly [field: string, reason: FindingReason, message: string]

/** What decides whether a workload gets a sidecar. */
export interface Surroundings {
  /** All objects that are injected together. */
  readonly manifests: readonly Manifest[]
  readonly namespaces: readonly Manifest[]
  /** The ports of each workload that its containers or its Services name. */
  readonly ports: ReadonlyMap<Manifest, ReadonlySet<number>>
}

const templateOf = (workload: Manifest): PodTemplate => podTemplateOf(workload) as PodTemplate
const OS_LABEL = 'kubernetes.io/os'
/** The labels by which a StatefulSet numbers its pods. No template has them. */
const OF_ONE_POD = new Set(['statefulset.kubernetes.io/pod-name', 'apps.kubernetes.io/pod-index'])

/** Reports whether the pods run on Windows nodes, where the sidecar's image does not run. */
function isWindows({ spec }: PodTemplate): boolean {
  return spec?.os?.name === 'windows' || spec?.nodeSelector?.[OS_LABEL] === 'windows'
}

/** Reports whether a workload stays as it is: no sidecar, no label, no search domains. */
export const isLeftAlone = (workload: Manifest, namespaces: readonly Manifest[]): boolean =>
  templateOf(workload).spec?.hostNetwork === true ||
  isWindows(templateOf(workload)) ||
  whoDisables(workload, namespaces) !== undefined

/** Returns why no port of a Service goes through sidecars. Undefined if its ports can. */
export function whyServiceBypasses(
  service: Manifest,
  spec: ServiceSpec,
  selected: readonly Manifest[],
  around: Surroundings,
): Why | undefined {
  const name = `Service "${nameOf(service)}"`
  if (spec.clusterIP === 'None') return ['spec.clusterIP', 'Headless', headlessSentence(nameOf(service))]
  if (Object.keys(spec.selector ?? {}).length === 0) {
    return [
      'spec.selector',
      'NoSelector',
      `${name} has no spec.selector, so requests to its endpoints are not routed: select a workload with a sidecar`,
    ]
  }
  const single = Object.keys(spec.selector ?? {}).find((label) => OF_ONE_POD.has(label))
  if (single !== undefined) {
    return [
      'spec.selector',
      'SinglePod',
      `${name} selects a single pod by ${single}: its callers want exactly this pod, so requests are not routed; let ` +
        'callers use a Service of all pods if they must be routed',
    ]
  }
  const disabler = whoDisables(service, around.namespaces)
  if (disabler === shown(service)) return ['metadata', 'Disabled', disabledSentence(name, disabler)]
  if (selected.length === 0) return ['spec.selector', 'NoWorkload', noWorkload(service, spec, around)]
  return selected
    .map((workload) => whyWorkloadBypasses(service, workload, around))
    .find((why) => why !== undefined)
}

function noWorkload(service: Manifest, spec: ServiceSpec, { manifests }: Surroundings): string {
  const name = `Service "${nameOf(service)}"`
  const others = othersSelectedBy(service, spec, manifests)
  if (others.length > 0) {
    return (
      `${name} selects ${others.join(', ')}, a kind that gets no sidecar: it is not routed; ` +
      'inject the workload that this object creates, or run it as a Deployment'
    )
  }
  return (
    `${name} selects no workload of these manifests (spec.selector ${JSON.stringify(spec.selector)}): ` +
    'pass it together with its workload'
  )
}

const disabledSentence = (service: string, disabler: string): string =>
  `${service} is not routed, because ${disabler} says ${ANNOTATIONS.inject}: "false" or "disabled"; remove that to ` +
  'inject a sidecar'

function whyWorkloadBypasses(service: Manifest, workload: Manifest, around: Surroundings): Why | undefined {
  const template = templateOf(workload)
  const name = `Service "${nameOf(service)}"`
  const why = (reason: FindingReason, message: string): Why => ['spec.selector', reason, message]
  if (template.spec?.hostNetwork === true) {
    return why('HostNetwork', hostNetworkSentence(nameOf(service), shown(workload)))
  }
  if (isWindows(template)) {
    return why(
      'Windows',
      `${name} selects ${shown(workload)}, whose pods run on Windows: the sidecar runs only on Linux, so it gets none ` +
        'and is not routed; call it through a service on Linux if its branches must be routed',
    )
  }
  const disabler = whoDisables(workload, around.namespaces)
  if (disabler !== undefined) return why('Disabled', disabledSentence(name, disabler))
  if (around.ports.get(workload)?.has(SIDECAR_ADMIN_PORT) === true) {
    return why(
      'PortTaken',
      `${name} selects ${shown(workload)}, whose port ${SIDECAR_ADMIN_PORT} is the sidecar's admin port: it gets no ` +
        'sidecar and is not routed; let the app listen on another port',
    )
  }
  if ((template.spec?.containers ?? []).length === 0) {
    return why(
      'NoWorkload',
      `${name} selects ${shown(workload)}, which has no container: add spec.template.spec.containers`,
    )
  }
  return undefined
}

/** Returns why one port of a Service does not go through sidecars. Undefined if it can. */
export function whyPortBypasses(
  service: Manifest,
  [index, port]: readonly [number, ServicePort],
  selected: readonly Manifest[],
  countOf: (workload: Manifest) => number,
): Why | undefined {
  const field = `spec.ports[${index}]`
  const { protocol = 'TCP' } = port
  if (protocol !== 'TCP') {
    return [`${field}.protocol`, 'NotTcp', notTcpSentence(nameOf(service), [`${port.port}/${protocol}`])]
  }
  const lacking = selected.find((workload) => targetNumber(port, templateOf(workload)) === undefined)
  if (lacking !== undefined) {
    return [
      `${field}.targetPort`,
      'NamedPortMissing',
      `${field}.targetPort "${port.targetPort}" names no containerPort of ${shown(lacking)}: ` +
        'add it to the container, or use the number',
    ]
  }
  const full = selected.find((workload) => countOf(workload) >= SIDECAR_MAX_INBOUND_PORTS)
  if (full === undefined) return undefined
  return [
    field,
    'TooManyPorts',
    `${field} is one Service port too many for ${shown(full)}: a sidecar serves ` +
      `at most ${SIDECAR_MAX_INBOUND_PORTS}, so this port leads directly to the app`,
  ]
}
