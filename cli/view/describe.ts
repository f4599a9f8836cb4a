import { age } from '../output/age.ts'
import { type Cell, type Column, NONE, type Row, tableText, type TableOptions } from '../output/table.ts'
import { wrapped } from '../output/wrap.ts'
import { readyCell } from './environments.ts'
import type { Snapshot } from './listings.ts'
import { POD_COLUMNS, podRow } from './pods.ts'
import { PREVIEW_COLUMNS, previewRow } from './previews.ts'
import {
  chainOf,
  type Condition,
  conditionsOf,
  type EnvironmentObject,
  factsOf,
  type PodObject,
  type PreviewObject,
  type ServiceObject,
} from './resources.ts'
import { ROUTE_COLUMNS, routeRow, routesOf, type SliceObject } from './routes.ts'

type Style = Pick<TableOptions, 'width' | 'paint'>

const LABEL_WIDTH = 16

/** Everything about one environment: its fields, conditions, previews, services and pods, in the style of kubectl. */
export function describedEnvironment(
  environment: EnvironmentObject,
  snapshot: Snapshot,
  style: Style,
  nowMs: number,
): string {
  const environments = (snapshot.Environment ?? []) as readonly EnvironmentObject[]
  const { name, namespace } = environment.metadata
  const previews = ((snapshot.Preview ?? []) as readonly PreviewObject[]).filter(
    ({ metadata }) => metadata.namespace === namespace,
  )
  const pods = ((snapshot.Pod ?? []) as readonly PodObject[]).filter(
    ({ metadata }) => metadata.namespace === namespace,
  )
  const routes = routesOf(
    environments,
    (snapshot.Service ?? []) as readonly ServiceObject[],
    (snapshot.EndpointSlice ?? []) as readonly SliceObject[],
  ).filter((route) => route.environment === name)
  return [
    fields(environment, environments, style, nowMs),
    conditionsText(conditionsOf(environment), style, nowMs),
    section(
      'Previews',
      without(PREVIEW_COLUMNS, 'ENVIRONMENT'),
      previews.map((one) => withoutFirst(previewRow(one, environments, nowMs))),
      style,
    ),
    section(
      'Services',
      without(ROUTE_COLUMNS, 'ENVIRONMENT'),
      routes.map((route) => withoutFirst(routeRow(route))),
      style,
    ),
    section(
      'Pods',
      without(POD_COLUMNS, 'NAMESPACE'),
      pods.map((pod) => withoutFirst(podRow(pod, nowMs))),
      style,
    ),
  ].join('')
}

function fields(
  environment: EnvironmentObject,
  environments: readonly EnvironmentObject[],
  { paint }: Style,
  nowMs: number,
): string {
  const { metadata, spec, status } = environment
  const { namespace, type, base, key, overrides } = factsOf(environment)
  const above = chainOf(environment, environments).slice(1)
  const { acknowledged = 0, total = 0, connected = 0, epoch = 0 } = status?.sidecars ?? {}
  const values: readonly [string, Cell][] = [
    ['Name', metadata.name],
    ['Namespace', namespace],
    ['Type', type],
    ['Base', above.length === 0 ? base : above.map((one) => one.metadata.name).join(' → ')],
    ['Key', key],
    ['Ready', readyCell(environment)],
    ['Paused', spec?.paused === true ? { text: 'yes: the base serves its requests', tone: 'warning' } : 'no'],
    ['If unavailable', spec?.onUnavailable ?? 'baseline'],
    ['Overrides', overrides.length === 0 ? NONE : overrides.join(', ')],
    ['Sidecars', `${connected} of ${total} connected, ${acknowledged} of ${total} at epoch ${epoch}`],
    ['Expires', status?.expiresAt ?? 'never'],
    ['Age', age(metadata.creationTimestamp, nowMs)],
  ]
  return values
    .map(([label, cell]) => {
      const value = typeof cell === 'string' ? cell : (paint?.(cell.tone, cell.text) ?? cell.text)
      return `${`${label}:`.padEnd(LABEL_WIDTH)}${value}\n`
    })
    .join('')
}

function conditionsText(conditions: readonly Condition[], { width }: Style, nowMs: number): string {
  if (conditions.length === 0) return '\nConditions: none, so the manager has not seen it yet\n'
  const lines = conditions.flatMap(({ type, status, reason, message, lastTransitionTime }) => [
    `  ${type}: ${status}${reason === undefined ? '' : ` (${reason})`}, for ${age(lastTransitionTime, nowMs)}`,
    ...(message === undefined || message === '' ? [] : wrapped(message, width, '    ')),
  ])
  return `\nConditions:\n${lines.join('\n')}\n`
}

function section(title: string, columns: readonly Column[], rows: readonly Row[], style: Style): string {
  if (rows.length === 0) return `\n${title}: none\n`
  const width = style.width === undefined ? undefined : style.width - 2
  const text = tableText(columns, rows, { ...style, ...(width !== undefined && { width }) })
  return `\n${title}:\n${text.replaceAll(/^(?=.)/gm, '  ')}`
}

const without = (columns: readonly Column[], title: string): readonly Column[] =>
  columns.filter((column) => column.title !== title)

const withoutFirst = ({ cells, notes }: Row): Row => ({
  cells: cells.slice(1),
  ...(notes !== undefined && { notes }),
})
