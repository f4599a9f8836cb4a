import { PROTOCOLS, type Protocol } from '@branchline/wire/inbound'
import { ApiObject, Lazy } from 'cdk8s'
import { Construct } from 'constructs'
import { Environment } from './environment.ts'
import { SynthError } from './errors.ts'
import { injectSidecar } from '../inject/apply.ts'
import type { Manifest } from '../inject/manifest.ts'
import type { Finding } from '../inject/plan.ts'
import type { SidecarOptions } from '../inject/sidecar.ts'
import { portsOf, workloadManifests } from './workload-manifests.ts'

/** The value of a variable: itself, or where Kubernetes takes it from. */
export type EnvironmentValue =
  | string
  | number
  | boolean
  | { readonly secret: string; readonly key: string }
  | { readonly configMap: string; readonly key: string }
  | { readonly field: string }

export interface WorkloadPort {
  /** The Service's port. */
  readonly port: number
  /** Where the container listens. Default: the same. */
  readonly targetPort?: number
  /** What it speaks. Default: what the port's name says (http, http2, grpc, tcp, postgres, …), else sniffed. */
  readonly protocol?: Protocol
}

export interface WorkloadProps {
  readonly image: string
  /** One port that speaks HTTP, of the Service and of the container. Default: none. */
  readonly port?: number
  /** Ports by name. Default: none. Without a port at all there is no Service. */
  readonly ports?: Readonly<Record<string, number | WorkloadPort>>
  /** Default: 1. */
  readonly replicas?: number
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, EnvironmentValue>>
  /**
   * How the app says that it is well, on its first port: an HTTP path, `grpc` (the gRPC health protocol),
   * `tcp` (it takes connections), or false. Default: `tcp`.
   */
  readonly health?: string | false
  /** Default: 50m CPU and 128Mi requested, 256Mi the limit. */
  readonly resources?: Readonly<Record<string, unknown>>
  /** The user's number, where the image names a user or runs as root. Default: the image's. */
  readonly user?: number
  /** Default: false. */
  readonly readOnlyRootFilesystem?: boolean
  /** Further labels, of all objects and the pods. Default: none. */
  readonly labels?: Readonly<Record<string, string>>
  /** Annotations of the pods. Default: none. */
  readonly annotations?: Readonly<Record<string, string>>
  /** Default: one of the workload's name, which is made. */
  readonly serviceAccountName?: string
  /** How the sidecar is made; false for none, and then nothing is routed here. Default: the environment's. */
  readonly sidecar?: SidecarOptions | false
  /** What the embedded cluster runs in the place of the image's entrypoint (a shell's line, or a list), and where. */
  readonly local?: { readonly command?: string | readonly string[]; readonly dir?: string }
  /** Merged over the pod's spec, for what is not named here. Default: nothing. */
  readonly pod?: Readonly<Record<string, unknown>>
  /** Merged over the container, for what is not named here. Default: nothing. */
  readonly container?: Readonly<Record<string, unknown>>
}

/**
 * A Deployment, its Service and its ServiceAccount, with the sidecar in place. Passes PodSecurity
 * `restricted`. Throws a SynthError for wrong input.
 */
export class Workload extends Construct {
  readonly deployment: ApiObject
  readonly service: ApiObject | undefined
  /** What is not routed in spite of the sidecar, and why. */
  readonly findings: readonly Finding[]

  constructor(scope: Construct, id: string, props: WorkloadProps) {
    super(scope, id)
    const environment = Environment.around(this)
    check(id, environment, props)
    const { deployment, serviceAccount, service } = workloadManifests(id, environment.node.id, props)
    const injected = () => this.#injected(environment, deployment, service, props)
    const now = injected()
    this.findings = now.findings
    checkSettings(id, environment, now.findings)
    if (props.serviceAccountName === undefined) new ApiObject(this, 'service-account', serviceAccount)
    this.deployment = new ApiObject(this, 'deployment', {
      ...now.workload,
      // At synth only it is known which environments are above.
      spec: Lazy.any({ produce: () => injected().workload.spec }) as unknown,
    })
    const [rewired] = now.services
    this.service = rewired === undefined ? undefined : new ApiObject(this, 'service', rewired)
  }

  #injected(
    environment: Environment,
    deployment: Manifest,
    service: Manifest | undefined,
    props: WorkloadProps,
  ) {
    const services = service === undefined ? [] : [service]
    if (props.sidecar === false) return { workload: deployment, services, findings: [] }
    const options = environment.injectOptions()
    const sidecar = { ...options.sidecar, ...props.sidecar }
    return injectSidecar(deployment, services, { ...options, sidecar })
  }
}

// A Service's name starts with a letter (RFC 1035) on Kubernetes before 1.34.
const NAME = /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const PORT_NAME = /^(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?$/

function check(
  name: string,
  environment: Environment | undefined,
  props: WorkloadProps,
): asserts environment is Environment {
  if (environment === undefined) {
    throw new SynthError('BL_SYNTH_WORKLOAD', [
      `Workload "${name}" is in no environment: construct it in an Environment`,
    ])
  }
  const faults = [...fieldFaults(name, props), ...portFaults(props)]
  if (faults.length === 0) return
  throw new SynthError(
    'BL_SYNTH_WORKLOAD',
    faults.map((fault) => `Workload "${name}" of "${environment.node.id}": ${fault}`),
  )
}

/** Throws where a setting of the workload is none, or has a value that the sidecar cannot take. */
function checkSettings(name: string, environment: Environment, findings: readonly Finding[]): void {
  const faults = findings
    .filter(({ reason }) => reason === 'BadSetting')
    .map(({ message }) => `Workload "${name}" of "${environment.node.id}": ${message}`)
  if (faults.length > 0) throw new SynthError('BL_SYNTH_WORKLOAD', faults)
}

function* fieldFaults(name: string, props: WorkloadProps): Generator<string> {
  if (!NAME.test(name)) {
    yield (
      `the name is ${JSON.stringify(name)}: wanted a letter, then lower-case letters, digits and inner ` +
      'hyphens, at most 63 characters'
    )
  }
  if (!/^\S+$/.test(props.image))
    yield `image is ${JSON.stringify(props.image)}: wanted one such as "shop/web:1"`
  if (!Number.isInteger(props.replicas ?? 1) || (props.replicas ?? 1) < 0) {
    yield `replicas is ${props.replicas}: wanted a whole number from 0`
  }
  for (const variable of Object.keys(props.env ?? {})) {
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(variable)) {
      yield `env has ${JSON.stringify(variable)}: wanted a name such as LOG_LEVEL`
    }
  }
  const health = props.health ?? 'tcp'
  if (health !== false && health !== 'tcp' && health !== 'grpc' && !health.startsWith('/')) {
    yield `health is ${JSON.stringify(health)}: wanted a path such as "/healthz", "grpc", "tcp" or false`
  }
}

function* portFaults(props: WorkloadProps): Generator<string> {
  if (props.port !== undefined && props.ports?.['http'] !== undefined) {
    yield 'port and ports.http are both given, and port is the one named http: keep one of them'
  }
  for (const { name, port, targetPort, protocol } of portsOf(props)) {
    const field = props.port === port && name === 'http' ? 'port' : `ports.${name}`
    if (!PORT_NAME.test(name)) {
      yield `ports has ${JSON.stringify(name)}: wanted at most 15 lower-case letters, digits and hyphens`
    }
    for (const [part, number] of Object.entries({ '': port, '.targetPort': targetPort })) {
      if (Number.isInteger(number) && number >= 1 && number <= 65535) continue
      yield `${field}${part} is ${number}: wanted a whole number from 1 to 65535`
      break
    }
    if (!PROTOCOLS.includes(protocol)) {
      yield `${field}.protocol is ${JSON.stringify(protocol)}: wanted one of ${PROTOCOLS.join(', ')}`
    }
  }
}
