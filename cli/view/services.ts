import { nearest } from '@branchline/wire/near'
import { type KubernetesObject, selectsLabels } from '@branchline/wire/kubernetes'
import { CliError } from '../platform/errors.ts'
import {
  chainOf,
  environmentOfNamespace,
  type EnvironmentObject,
  type PodObject,
  type ServiceObject,
} from './resources.ts'

/** The label that Kubernetes gives to the pods of a Job. */
export const JOB_LABEL = 'batch.kubernetes.io/job-name'

/** A service as a user names it: `pricing` or `pricing@alice`. */
export interface ServiceName {
  readonly service: string
  readonly environment?: string
}

/** Splits `SERVICE[@ENVIRONMENT]`. Throws a {@link CliError} for other forms. */
export function parseServiceName(text: string): ServiceName {
  const [service = '', environment, more] = text.split('@')
  if (service === '' || environment === '' || more !== undefined) {
    throw new CliError(
      'BL_USAGE',
      `"${text}" is not a service: wanted SERVICE or SERVICE@ENVIRONMENT, such as pricing@alice`,
    )
  }
  return environment === undefined ? { service } : { service, environment }
}

/** A service of one environment: where its pods are. */
export interface FoundService {
  readonly service: string
  readonly environment: EnvironmentObject
  readonly namespace: string
  /** Whether a pod with these labels belongs to it. */
  readonly selects: (labels: Readonly<Record<string, string>> | undefined) => boolean
}

/**
 * Finds a service: in the environment that is named, in that of the namespace, otherwise in the only environment that
 * runs it without a base. Throws a {@link CliError} that says who serves it instead, or what there is.
 */
export function findService(
  { service, environment }: ServiceName,
  namespace: string | undefined,
  environments: readonly EnvironmentObject[],
  services: readonly ServiceObject[],
): FoundService {
  const of = chosenEnvironment(
    { service, ...(environment !== undefined && { environment }) },
    namespace,
    environments,
    services,
  )
  const own = services.filter(({ metadata }) => metadata.namespace === of.metadata.namespace)
  const found = own.find(({ metadata }) => metadata.name === service)
  if (found === undefined) throw new CliError('BL_NOT_FOUND', notServed(service, of, environments, services))
  return {
    service,
    environment: of,
    namespace: of.metadata.namespace ?? '',
    selects: (labels) => selectsLabels(found.spec?.selector, labels),
  }
}

/**
 * The workloads of this name, as Services that select their pods. Workers and Jobs have no Service, because no service calls
 * them. A Job is known by its pods.
 */
export function workersNamed(
  name: string,
  workloads: readonly KubernetesObject[],
  pods: readonly KubernetesObject[],
): ServiceObject[] {
  const asService = (namespace: string | undefined, selector: Record<string, string>): ServiceObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    spec: { selector },
  })
  const own = workloads.flatMap(({ metadata, spec }) => {
    const { selector } = (spec ?? {}) as { selector?: { matchLabels?: Record<string, string> } }
    return metadata.name === name ? [asService(metadata.namespace, selector?.matchLabels ?? {})] : []
  })
  const ofJob = pods.filter(({ metadata }) => metadata.labels?.[JOB_LABEL] === name)
  const jobs = new Set(ofJob.map(({ metadata }) => metadata.namespace))
  return [...own, ...[...jobs].map((namespace) => asService(namespace, { [JOB_LABEL]: name }))]
}

/** Returns the environment of a name. Throws a {@link CliError} that suggests another. */
export function namedEnvironment(
  name: string,
  environments: readonly EnvironmentObject[],
): EnvironmentObject {
  const found = environments.find(({ metadata }) => metadata.name === name)
  if (found !== undefined) return found
  const names = environments.map(({ metadata }) => metadata.name)
  const near = nearest(name, names)
  const remedy = near === undefined ? `there are ${names.join(', ') || 'none'}` : `did you mean ${near}?`
  throw new CliError('BL_NOT_FOUND', `environment "${name}" does not exist: ${remedy}`)
}

function chosenEnvironment(
  { service, environment }: ServiceName,
  namespace: string | undefined,
  environments: readonly EnvironmentObject[],
  services: readonly ServiceObject[],
): EnvironmentObject {
  if (environment !== undefined) return namedEnvironment(environment, environments)
  if (namespace !== undefined) {
    const found = environmentOfNamespace(namespace, environments)
    if (found !== undefined) return found
    throw new CliError(
      'BL_NOT_FOUND',
      `namespace "${namespace}" has no environment: name one with SERVICE@ENVIRONMENT`,
    )
  }
  const running = environments.filter(({ metadata }) =>
    services.some((one) => one.metadata.namespace === metadata.namespace && one.metadata.name === service),
  )
  const roots = running.filter(({ spec }) => spec?.base === undefined)
  const [only, second] = roots.length > 0 ? roots : running
  if (only !== undefined && second === undefined) return only
  const all = services.map(({ metadata }) => metadata.name)
  if (only === undefined) {
    const near = nearest(service, all)
    throw new CliError(
      'BL_NOT_FOUND',
      `service "${service}" does not exist in any environment: ${near === undefined ? 'branchline get routes lists them' : `did you mean ${near}?`}`,
    )
  }
  const choices = running.map(({ metadata }) => `${service}@${metadata.name}`).join(', ')
  throw new CliError('BL_USAGE', `several environments run ${service}: name one of ${choices}`)
}

function notServed(
  service: string,
  of: EnvironmentObject,
  environments: readonly EnvironmentObject[],
  services: readonly ServiceObject[],
): string {
  const { name } = of.metadata
  const runs = (one: EnvironmentObject): boolean =>
    services.some(
      ({ metadata }) => metadata.namespace === one.metadata.namespace && metadata.name === service,
    )
  const server = chainOf(of, environments).find(runs)
  if (server !== undefined) {
    const { name: base } = server.metadata
    return `${name} does not run ${service}: ${base} serves it, so use ${service}@${base}`
  }
  const own = services
    .filter(({ metadata }) => metadata.namespace === of.metadata.namespace)
    .map(({ metadata }) => metadata.name)
  const near = nearest(service, own)
  const remedy = near === undefined ? `it runs ${own.join(', ') || 'none'}` : `did you mean ${near}?`
  return `${name} does not run ${service}: ${remedy}`
}

/** The pods of a service, by name. */
export const podsOf = (
  { namespace, selects }: FoundService,
  pods: readonly KubernetesObject[],
): PodObject[] =>
  (pods as readonly PodObject[])
    .filter(({ metadata }) => metadata.namespace === namespace && selects(metadata.labels))
    .toSorted((one, other) => one.metadata.name.localeCompare(other.metadata.name))

/** The workloads whose pods belong to a service. */
export const workloadsOf = (
  { namespace, selects }: FoundService,
  workloads: readonly KubernetesObject[],
): KubernetesObject[] =>
  workloads.filter(
    ({ metadata, ...rest }) =>
      metadata.namespace === namespace &&
      selects(
        (rest as { spec?: { template?: { metadata?: { labels?: Record<string, string> } } } }).spec?.template
          ?.metadata?.labels,
      ),
  )
