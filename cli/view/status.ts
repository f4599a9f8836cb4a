import {
  COORDINATOR_SERVICE,
  MANAGER_SERVICE,
  PLATFORM_NAMESPACE,
  RELAY_SERVICE,
} from '@branchline/wire/names'
import { tableText, type TableOptions } from '../output/table.ts'
import { wrapped } from '../output/wrap.ts'
import { ENVIRONMENT_COLUMNS, environmentRow } from './environments.ts'
import { imageVersion, isPodReady, sidecarVersion } from './pods.ts'
import { type EnvironmentObject, inTreeOrder, type PodObject } from './resources.ts'

/** One part of the platform. */
export interface PlatformPart {
  readonly name: string
  readonly ready: number
  readonly total: number
  /** Of its images, each once. */
  readonly versions: readonly string[]
}

/** The manager, the relay, its coordinators if they have pods of their own, and the sidecars. */
export function platformParts(pods: readonly PodObject[]): PlatformPart[] {
  const own = pods.filter(({ metadata }) => metadata.namespace === PLATFORM_NAMESPACE)
  const partOf = (name: string, service: string): PlatformPart =>
    part(
      name,
      own.filter(({ metadata }) => metadata.name.startsWith(`${service}-`)),
      ({ spec }) => spec?.containers?.[0]?.image && imageVersion(spec.containers[0].image),
    )
  const sidecars = pods.filter((pod) => sidecarVersion(pod) !== undefined)
  const coordinator = partOf('coordinator', COORDINATOR_SERVICE)
  return [
    partOf('manager', MANAGER_SERVICE),
    partOf('relay', RELAY_SERVICE),
    ...(coordinator.total > 0 ? [coordinator] : []),
    part('sidecars', sidecars, sidecarVersion),
  ]
}

function part(
  name: string,
  pods: readonly PodObject[],
  version: (pod: PodObject) => string | undefined,
): PlatformPart {
  const versions = new Set(pods.flatMap((pod) => version(pod) ?? []))
  return {
    name,
    ready: pods.filter(isPodReady).length,
    total: pods.length,
    versions: [...versions].toSorted(),
  }
}

export interface StatusFacts {
  readonly target: string
  readonly pods: readonly PodObject[]
  readonly environments: readonly EnvironmentObject[]
  /** One line each. */
  readonly problems: readonly string[]
}

/** How many problems one screen shows. */
const MAX_PROBLEMS = 8

/** One screen: what this is, the parts of the platform, the environments, and what is wrong. */
export function statusText(
  facts: StatusFacts,
  style: Pick<TableOptions, 'width' | 'paint'>,
  nowMs: number,
): string {
  const { target, pods, environments, problems } = facts
  const parts = platformParts(pods).map(({ name, ready, total, versions }) => ({
    cells: [
      name,
      total === 0
        ? ({ text: 'none', tone: 'dim' } as const)
        : ({ text: `${ready}/${total}`, tone: ready === total ? 'good' : 'bad' } as const),
      versions.join(', ') || '-',
    ],
  }))
  const columns = [{ title: 'PLATFORM' }, { title: 'READY' }, { title: 'VERSION' }]
  const rows = inTreeOrder(environments).map((one) => environmentRow(one, nowMs))
  const table =
    rows.length === 0 ? 'no environments: add an Environment\n' : tableText(ENVIRONMENT_COLUMNS, rows, style)
  const shown = problems.slice(0, MAX_PROBLEMS).flatMap((problem) => wrapped(problem, style.width, '  '))
  const more = problems.length > MAX_PROBLEMS ? [`  and ${problems.length - MAX_PROBLEMS} more`] : []
  const list = problems.length === 0 ? 'no problems\n' : `PROBLEMS\n${[...shown, ...more].join('\n')}\n`
  return `${wrapped(target, style.width).join('\n')}\n\n${tableText(columns, parts, style)}\n${table}\n${list}`
}
