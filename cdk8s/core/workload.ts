import { PROTOCOLS } from '@branchline/wire/inbound'
import { ApiObject, Lazy } from 'cdk8s'
import { Construct } from 'constructs'
import { Environment } from './environment.ts'
import { SynthError } from './errors.ts'
import { imageFault } from './image-fault.ts'
import { injectSidecar } from '../inject/apply.ts'
import type { Manifest } from '../inject/manifest.ts'
import { effectOf, type Finding } from '../inject/finding.ts'
import { variableFaults } from './variable.ts'
import { portsOf, workloadManifests } from './workload-manifests.ts'
import type { WorkloadProps } from './workload-props.ts'

/**
 * A Deployment with a sidecar, its Service and its ServiceAccount. Meets the Pod Security Standard `restricted`. Throws
 * a SynthError for invalid input.
 */
export class Workload extends Construct {
  readonly deployment: ApiObject
  readonly service: ApiObject | undefined
  /** Objects that are not routed in spite of the sidecar, and the reasons. */
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
      // The environments above are known only at synth.
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

// Before Kubernetes 1.34, the name of a Service must start with a letter (RFC 1035).
const NAME = /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const PORT_NAME = /^(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?$/

function check(
  name: string,
  environment: Environment | undefined,
  props: WorkloadProps,
): asserts environment is Environment {
  if (environment === undefined) {
    throw new SynthError('BL_SYNTH_WORKLOAD', [
      `Workload "${name}" is not in an environment: construct it in an Environment`,
    ])
  }
  const faults = [...fieldFaults(name, props), ...portFaults(props)]
  if (faults.length === 0) return
  throw new SynthError(
    'BL_SYNTH_WORKLOAD',
    faults.map((fault) => `Workload "${name}" of "${environment.node.id}": ${fault}`),
  )
}

/** Throws a SynthError if an annotation of the workload is not a setting, or has an invalid value. */
function checkSettings(name: string, environment: Environment, findings: readonly Finding[]): void {
  const faults = findings
    .filter((finding) => effectOf(finding) === 'fault')
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
  const image = imageFault(props.image)
  if (image !== undefined) yield `image ${image}`
  if (!Number.isInteger(props.replicas ?? 1) || (props.replicas ?? 1) < 0) {
    yield `replicas is ${props.replicas}: wanted a whole number, 0 or more`
  }
  yield* variableFaults(props.env ?? {})
  const health = props.health ?? 'tcp'
  if (health !== false && health !== 'tcp' && health !== 'grpc' && !health.startsWith('/')) {
    yield `health is ${JSON.stringify(health)}: wanted a path such as "/healthz", "grpc", "tcp" or false`
  }
}

function* portFaults(props: WorkloadProps): Generator<string> {
  if (props.port !== undefined && props.ports?.['http'] !== undefined) {
    yield 'port and ports.http are both set, but port is the port named http: remove one of them'
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
