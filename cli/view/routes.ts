import { type Column, NONE, type Row } from '../output/table.ts'
import { chainOf, type EnvironmentObject, inTreeOrder, type ServiceObject } from './resources.ts'

/** Which environment serves a service, for the requests of an environment. */
export interface Route {
  readonly environment: string
  readonly key: string
  readonly service: string
  readonly servedBy: string
  /** Pods of that service that are ready, or undefined if unknown. */
  readonly endpoints: number
}

/** A slice of a Service's endpoints (discovery.k8s.io/v1). */
export interface SliceObject {
  readonly metadata: { readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> }
  readonly endpoints?: readonly { readonly conditions?: { readonly ready?: boolean | null } }[] | null
}

export const ROUTE_COLUMNS: readonly Column[] = [
  { title: 'ENVIRONMENT' },
  { title: 'SERVICE' },
  { title: 'SERVED BY' },
  { title: 'ENDPOINTS' },
  { title: 'KEY', wide: true },
]

const SERVICE_LABEL = 'kubernetes.io/service-name'

/**
 * The routes of every environment: for each service that it can reach, the nearest environment of its chain that runs
 * it. A paused environment, and one that the manager does not route to, serves nothing. For a person who reads: the
 * manager's plan decides.
 */
export function routesOf(
  environments: readonly EnvironmentObject[],
  services: readonly ServiceObject[],
  slices: readonly SliceObject[],
): Route[] {
  const served = new Map(environments.map((one) => [one, servicesOf(one, services)]))
  return inTreeOrder(environments).flatMap((environment) => {
    const chain = chainOf(environment, environments)
    const names = new Set(chain.flatMap((one) => served.get(one) ?? []))
    return [...names].toSorted().flatMap((service) => {
      const server = chain.find((one) => served.get(one)?.includes(service) === true)
      if (server === undefined) return []
      return [
        {
          environment: environment.metadata.name,
          key: environment.status?.key ?? environment.spec?.key ?? environment.metadata.name,
          service,
          servedBy: server.metadata.name,
          endpoints: readyEndpoints(server.metadata.namespace, service, slices),
        },
      ]
    })
  })
}

/** The services that an environment serves: its overrides, or for a root every Service with a selector. */
function servicesOf(environment: EnvironmentObject, services: readonly ServiceObject[]): readonly string[] {
  const { spec, status, metadata } = environment
  if (spec?.base !== undefined) return spec.paused === true ? [] : (status?.overrides ?? [])
  return services
    .filter((service) => service.metadata.namespace === metadata.namespace)
    .filter((service) => service.spec?.selector !== undefined)
    .map((service) => service.metadata.name)
}

const readyEndpoints = (
  namespace: string | undefined,
  service: string,
  slices: readonly SliceObject[],
): number =>
  slices
    .filter(
      ({ metadata }) => metadata.namespace === namespace && metadata.labels?.[SERVICE_LABEL] === service,
    )
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false).length

/** A row of `get routes`. */
export function routeRow({ environment, key, service, servedBy, endpoints }: Route): Row {
  const own = servedBy === environment
  return {
    cells: [
      environment,
      service,
      own ? servedBy : { text: servedBy, tone: 'dim' },
      endpoints === 0 ? { text: '0', tone: 'bad' } : String(endpoints),
      key === '' ? NONE : key,
    ],
  }
}
