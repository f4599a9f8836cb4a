import { type Manifest, portList, serviceSpecOf } from '@branchline/cdk8s/inject/manifest'
import { nearest } from '@branchline/wire/near'
import type { Environment } from '@branchline/wire/resources/environment'
import type { Preview } from '@branchline/wire/resources/preview'
import { environmentsAbove } from '@branchline/wire/resources/validate'
import type { ObjectProblem } from './object-problem.ts'

/** Where `kubectl apply` puts an object that names no namespace. */
const DEFAULT_NAMESPACE = 'default'

/** The environments and Services of the manifests, which are assumed to be complete. */
export interface ServiceView {
  readonly environments: readonly Environment[]
  readonly manifests: readonly Manifest[]
}

/** Previews whose Service or port does not exist: visitors would get an error. */
export function previewProblems(previews: readonly Preview[], view: ServiceView): ObjectProblem[] {
  const byName = namesOf(view)
  return previews.flatMap(({ metadata, spec }) => {
    const { name, namespace } = metadata
    const environment = view.environments.find((one) => one.metadata.namespace === namespace)
    if (environment === undefined) return []
    const chain = [environment, ...environmentsAbove(environment, byName)]
    // Without its base, nothing is known. Another problem says so.
    if (environment.spec.type === 'branch' && chain.length === 1) return []
    const services = chain.flatMap((one) => servicesIn(one, view))
    const service = services.find((one) => one.metadata.name === spec.service)
    const at = { severity: 'error', kind: 'Preview', namespace, name } as const
    if (service === undefined) {
      const names = [...new Set(services.map((one) => one.metadata.name ?? ''))]
      const near = nearest(spec.service, names)
      const remedy = near === undefined ? `there are ${names.join(', ') || 'none'}` : `did you mean ${near}?`
      const where = chain.map((one) => one.metadata.name).join(', ')
      const message = `spec.service "${spec.service}" is not a Service of ${where}: ${remedy}`
      return [{ ...at, field: 'spec.service', message }]
    }
    const ports = serviceSpecOf(service)?.ports ?? []
    if (ports.some((port) => port.port === spec.port || port.name === spec.port)) return []
    const message = `spec.port ${spec.port} is not a port of Service "${spec.service}": it has ${portList(ports) || 'none'}`
    return [{ ...at, field: 'spec.port', message }]
  })
}

/**
 * Services of branches that get no request by the name that callers use: no environment above has the Service, and no
 * Preview leads to it. Notes, because a branch may add a service. The injection notes those that select no pod.
 */
export function unreachableOverrides(previews: readonly Preview[], view: ServiceView): ObjectProblem[] {
  const byName = namesOf(view)
  return view.environments.flatMap((environment) => {
    const above = environmentsAbove(environment, byName)
    if (environment.spec.type !== 'branch' || above.length === 0) return []
    const own = servicesIn(environment, view)
    const known = new Set(
      above.flatMap((one) => servicesIn(one, view)).map(({ metadata }) => metadata.name ?? ''),
    )
    // A base without Services is not in these manifests.
    if (known.size === 0) return []
    return own.flatMap((service) => {
      const { name = '', namespace } = service.metadata
      const at = { severity: 'note', kind: 'Service', namespace, name } as const
      const isShown = previews.some(
        (preview) => preview.spec.service === name && preview.metadata.namespace === namespace,
      )
      if (known.has(name) || isShown) return []
      const near = nearest(name, [...known])
      const remedy =
        near === undefined
          ? 'nothing is overridden, so only pods of this branch call it; use the name of a Service above if you meant one'
          : `did you mean ${near}?`
      const message = `metadata.name "${name}" is not a Service of ${above.map((one) => one.metadata.name).join(', ')}: ${remedy}`
      return [{ ...at, field: 'metadata.name', message }]
    })
  })
}

const namesOf = ({ environments }: ServiceView): Map<string, Environment> =>
  new Map(environments.map((one) => [one.metadata.name, one]))

const servicesIn = ({ metadata }: Environment, { manifests }: ServiceView): Manifest[] =>
  manifests.filter(
    (one) =>
      serviceSpecOf(one) !== undefined &&
      (one.metadata.namespace ?? DEFAULT_NAMESPACE) === metadata.namespace,
  )
