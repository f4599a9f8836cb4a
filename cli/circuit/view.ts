import type { Circuit } from '@branchline/wire/circuits/circuit'
import type { Target } from '@branchline/wire/circuits/target'
import { age } from '../output/age.ts'
import { safely } from '../output/safely.ts'
import {
  type Cell,
  type Column,
  NONE,
  type Row,
  tableText,
  type TableOptions,
  type Tone,
} from '../output/table.ts'
import { wrapped } from '../output/wrap.ts'
import { isUsable, targetText } from './target-text.ts'

/** The columns of `circuit ls`. */
export const CIRCUIT_COLUMNS: readonly Column[] = [
  { title: 'KEY' },
  { title: 'STATUS' },
  { title: 'TARGETS' },
  { title: 'ACCESS' },
  { title: 'URL', spill: true },
  { title: 'REQUESTS', drop: 1 },
  { title: 'AGE', drop: 2 },
  { title: 'BACKEND', wide: true },
  { title: 'BALANCING', wide: true },
  { title: 'GROUP', wide: true },
  { title: 'LAST USE', wide: true },
  { title: 'LABELS', wide: true },
]

/** Where clients reach a circuit: a URL, or a port of every worker. */
export const entryOf = ({ url, port }: Circuit): string => url ?? `port ${port}`

/** A circuit as a row. The reason is below it, unless everything is well. */
export function circuitRow(circuit: Circuit, nowMs: number): Row {
  const { key, targets, access, requests, createdAt, backend, balancing, placement } = circuit
  const usable = `${targets.filter(isUsable).length}/${targets.length}`
  const cells: Cell[] = [
    key,
    statusCell(circuit),
    usable,
    access.allow === undefined ? access.type : `${access.type}, ${rangesText(access.allow.length)}`,
    entryOf(circuit),
    String(requests),
    age(createdAt, nowMs),
    backend,
    balancing,
    placement.group,
    age(circuit.lastAccessAt, nowMs),
    pairs(circuit.labels),
  ]
  return { cells, notes: notesOf(circuit) }
}

const TONES = { HEALTHY: 'good', PENDING: 'warning', UNHEALTHY: 'bad', UNKNOWN: 'dim' } as const

function statusCell({ status, state }: Circuit): Cell {
  if (state === 'draining') return { text: 'DRAINING', tone: 'warning' }
  return { text: status, tone: TONES[status] }
}

function notesOf({ status, statusReason, targets }: Circuit): string[] {
  const ofTargets = targets
    .filter((target) => target.status === 'UNHEALTHY')
    .flatMap((target) => target.statusReason ?? [])
  return status === 'HEALTHY' || statusReason === undefined ? ofTargets : [statusReason, ...ofTargets]
}

const rangesText = (count: number): string => (count === 1 ? '1 range' : `${count} ranges`)

/** `public`, `organization from 10.0.0.0/8`. */
function accessText({ type, allow = [], exempt = [] }: Circuit['access']): string {
  const from = allow.length === 0 ? '' : ` from ${allow.join(',')}`
  return `${type}${from}${exempt.length === 0 ? '' : ` except ${exempt.join(',')}`}`
}

const pairs = (all: Readonly<Record<string, unknown>>): string =>
  Object.entries(all)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(',') || NONE

/** The columns of `circuit targets ls`. */
export const TARGET_COLUMNS: readonly Column[] = [
  { title: 'ID' },
  { title: 'TARGET', spill: true },
  { title: 'WEIGHT' },
  { title: 'STATUS' },
  { title: 'SINCE' },
]

/** A target as a row. */
export function targetRow(target: Target, nowMs: number): Row {
  const { id, weight, draining, status, statusReason, statusSince } = target
  const tone: Tone = draining ? 'warning' : TONES[status]
  return {
    cells: [
      id,
      targetText(target),
      String(weight),
      { text: draining ? 'DRAINING' : status, tone },
      age(statusSince, nowMs),
    ],
    ...(status === 'UNHEALTHY' && statusReason !== undefined && { notes: [statusReason] }),
  }
}

/** Everything about one circuit, for people. Ends with a newline. */
export function circuitSheet(
  circuit: Circuit,
  nowMs: number,
  style: Pick<TableOptions, 'width' | 'paint'>,
): string {
  const lines = factsOf(safely(circuit), nowMs).flatMap(([name, text]) => {
    const wrappedLines = wrapped(text, style.width, NAME_INDENT)
    wrappedLines[0] = `${name.padEnd(NAME_INDENT.length)}${wrappedLines[0]?.trimStart()}`
    return wrappedLines
  })
  const { targets } = circuit
  const table = tableText(
    TARGET_COLUMNS,
    targets.map((target) => safely(targetRow(target, nowMs))),
    style,
  )
  const list = targets.length === 0 ? 'no targets: add one with branchline circuit targets add\n' : table
  return `${lines.join('\n')}\n\n${list}`
}

const NAME_INDENT = ' '.repeat(13)

function factsOf(circuit: Circuit, nowMs: number): (readonly [name: string, text: string])[] {
  const { key, status, statusReason, statusSince, backend, balancing, stickiness, placement, health } =
    circuit
  const hosts = circuit.frontend.type === 'subdomain' ? circuit.frontend.hosts : []
  const sticky = stickiness === 'none' ? '' : `, sticky by ${stickiness}`
  const facts: (readonly [string, string | undefined])[] = [
    ['key', key],
    [circuit.url === undefined ? 'port' : 'url', circuit.url ?? String(circuit.port)],
    ['hosts', hosts.join(', ')],
    ['status', `${circuit.state === 'draining' ? 'DRAINING, ' : ''}${status} for ${age(statusSince, nowMs)}`],
    ['reason', statusReason],
    ['access', accessText(circuit.access)],
    ['backend', backend],
    ['balancing', `${balancing}${sticky}`],
    [
      'health',
      health &&
        [health.type, health.path, health.interval && `every ${health.interval}`].filter(Boolean).join(' '),
    ],
    ['limits', pairsOrNothing(circuit.limits)],
    ['rewrite', rewriteText(circuit.rewrite)],
    ['labels', pairsOrNothing(circuit.labels)],
    ['group', placement.group],
    ['workers', circuit.workers.join(', ')],
    ['ttl', circuit.ttl],
    [
      'requests',
      `${circuit.requests}${circuit.lastAccessAt === undefined ? '' : `, the last one ${age(circuit.lastAccessAt, nowMs)} ago`}`,
    ],
    ['created', `${age(circuit.createdAt, nowMs)} ago`],
  ]
  return facts.flatMap(([name, text]) => (text === undefined || text === '' ? [] : [[name, text] as const]))
}

const pairsOrNothing = (all: Readonly<Record<string, unknown>>): string =>
  Object.keys(all).length === 0 ? '' : pairs(all)

function rewriteText({ host, pathPrefix, headers = {} }: Circuit['rewrite']): string {
  const parts = [
    host === 'target' ? 'host of the target' : '',
    pathPrefix === undefined ? '' : `path below ${pathPrefix}`,
    ...Object.keys(headers).map((name) => `sets ${name}`),
  ]
  return parts.filter((part) => part !== '').join(', ')
}
