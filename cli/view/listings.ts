import type { KubernetesObject } from '@branchline/wire/kubernetes'
import type { LocalKind } from '@branchline/wire/local-api'
import { GROUP, PLATFORM_NAMESPACE } from '@branchline/wire/names'
import type { Column, Row } from '../output/table.ts'
import { ENVIRONMENT_COLUMNS, environmentRow } from './environments.ts'
import { POD_COLUMNS, podRow } from './pods.ts'
import { PREVIEW_COLUMNS, previewRow } from './previews.ts'
import {
  type EnvironmentObject,
  inTreeOrder,
  type PodObject,
  type PreviewObject,
  type ServiceObject,
} from './resources.ts'
import { ROUTE_COLUMNS, routeRow, routesOf } from './routes.ts'

/** The current objects of some kinds. */
export type Snapshot = Partial<Record<LocalKind, readonly KubernetesObject[]>>

/** One thing of a list. */
export interface Item {
  /** Identifies it while it exists. */
  readonly id: string
  /** How `get WHAT NAME` finds it. */
  readonly name: string
  readonly namespace: string | undefined
  readonly row: Row
  /** What `-o json` and `-o yaml` print. */
  readonly object: object
}

/** What `get` can list. */
export interface Listing {
  readonly title: string
  /** Other words for it, as with kubectl. */
  readonly aliases: readonly string[]
  readonly kinds: readonly LocalKind[]
  /** The kinds of which `-n` reads one namespace. */
  readonly scoped: readonly LocalKind[]
  readonly columns: readonly Column[]
  /** The prefix of a name in `-o name`, or undefined if it has no name. */
  readonly prefix?: string
  readonly items: (snapshot: Snapshot, options: ListOptions, nowMs: number) => Item[]
}

interface ListOptions {
  readonly namespace?: string
  /** Also what belongs to the platform and to no environment. */
  readonly all: boolean
}

const environmentsOf = (snapshot: Snapshot): EnvironmentObject[] => [...(snapshot.Environment ?? [])]

const isIn = (namespace: string | undefined, { namespace: wanted }: ListOptions): boolean =>
  wanted === undefined || namespace === wanted

function itemOf(object: KubernetesObject, row: Row): Item {
  const { name, namespace } = object.metadata
  return { id: `${namespace ?? ''}/${name}`, name, namespace, row, object }
}

/** Everything that `get` can list, by its usual word. */
export const LISTINGS: readonly Listing[] = [
  {
    title: 'env',
    aliases: ['environment', 'environments', 'envs'],
    kinds: ['Environment'],
    scoped: ['Environment'],
    columns: ENVIRONMENT_COLUMNS,
    prefix: `environment.${GROUP}/`,
    items: (snapshot, options, nowMs) =>
      inTreeOrder(environmentsOf(snapshot))
        .filter(({ metadata }) => isIn(metadata.namespace, options))
        .map((one) => itemOf(one, environmentRow(one, nowMs))),
  },
  {
    title: 'previews',
    aliases: ['preview', 'pvw'],
    kinds: ['Preview', 'Environment'],
    scoped: ['Preview'],
    columns: PREVIEW_COLUMNS,
    prefix: `preview.${GROUP}/`,
    items: (snapshot, options, nowMs) =>
      ((snapshot.Preview ?? []) as readonly PreviewObject[])
        .filter(({ metadata }) => isIn(metadata.namespace, options))
        .toSorted(byName)
        .map((one) => itemOf(one, previewRow(one, environmentsOf(snapshot), nowMs))),
  },
  {
    title: 'pods',
    aliases: ['pod', 'po'],
    kinds: ['Pod', 'Environment'],
    scoped: ['Pod'],
    columns: POD_COLUMNS,
    prefix: 'pod/',
    items: (snapshot, options, nowMs) => {
      const namespaces = new Set(environmentsOf(snapshot).map(({ metadata }) => metadata.namespace))
      return ((snapshot.Pod ?? []) as readonly PodObject[])
        .filter(({ metadata }) => isIn(metadata.namespace, options))
        .filter(
          ({ metadata }) =>
            options.namespace !== undefined || options.all || namespaces.has(metadata.namespace),
        )
        .toSorted(byName)
        .map((one) => itemOf(one, podRow(one, nowMs)))
    },
  },
  {
    title: 'routes',
    aliases: ['route'],
    kinds: ['Environment', 'Service', 'EndpointSlice'],
    scoped: [],
    columns: ROUTE_COLUMNS,
    items: (snapshot, options) => {
      const environments = environmentsOf(snapshot)
      const services = (snapshot.Service ?? []) as readonly ServiceObject[]
      const routes = routesOf(environments, services, snapshot.EndpointSlice ?? [])
      return routes.flatMap((route) => {
        const of = environments.find(({ metadata }) => metadata.name === route.environment)
        const namespace = of?.metadata.namespace
        if (!isIn(namespace, options)) return []
        const id = `${route.environment}/${route.service}`
        return [{ id, name: route.environment, namespace, row: routeRow(route), object: route }]
      })
    },
  },
]

/** Every word by which `get` knows a list. */
export const LISTING_WORDS: readonly string[] = LISTINGS.flatMap(({ title, aliases }) => [title, ...aliases])

/** Returns the list that a word means. */
export const listingOf = (word: string): Listing | undefined =>
  LISTINGS.find(({ title, aliases }) => title === word || aliases.includes(word))

const byName = (one: KubernetesObject, other: KubernetesObject): number =>
  Number(one.metadata.namespace === PLATFORM_NAMESPACE) -
    Number(other.metadata.namespace === PLATFORM_NAMESPACE) ||
  (one.metadata.namespace ?? '').localeCompare(other.metadata.namespace ?? '') ||
  one.metadata.name.localeCompare(other.metadata.name)
