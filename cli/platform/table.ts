import { type Cell, type Column, NONE, type Row, tableText, type TableOptions } from '../output/table.ts'
import { safely } from '../output/safely.ts'
import type { EnvironmentView, Platform } from './platform.ts'

const COLUMNS: readonly Column[] = [
  { title: 'ENVIRONMENT' },
  { title: 'BASE', shrink: 12, drop: 2 },
  { title: 'OVERRIDES', shrink: 14 },
  { title: 'READY' },
  { title: 'PREVIEW', spill: true },
  { title: 'TIME', drop: 3 },
]

/**
 * Formats the environments as a table: base, overrides and preview URLs. Reasons are below their environment. The text
 * does not end with a newline.
 */
export function environmentTable(
  environments: readonly EnvironmentView[],
  style: Pick<TableOptions, 'width' | 'paint'> = {},
): string {
  if (environments.length === 0) return 'no environments: add an Environment to the folder'
  return tableText(COLUMNS, safely(environments).flatMap(rowsOf), style).trimEnd()
}

/** One row for the environment, and one for each further preview. */
function rowsOf({ name, base, overrides, previews, readyAfterMs, ...state }: EnvironmentView): Row[] {
  const { ready, message, isPaused = false } = state
  const all = ready && previews.every((preview) => preview.ready)
  const why = [ready ? undefined : message, ...previews.map((it) => (it.ready ? undefined : it.message))]
  const notes = [...new Set(why.filter((text) => text !== undefined))]
  const [first, ...others] = previews.map(({ name: preview, url }) => url ?? `${preview}: …`)
  const cells = [
    name,
    base ?? NONE,
    overrides.length === 0 ? NONE : overrides.join(','),
    readyCell(all, isPaused),
    first ?? NONE,
    readyAfterMs === undefined ? NONE : `${(readyAfterMs / 1000).toFixed(2)} s`,
  ]
  const rows: Row[] = [{ cells }, ...others.map((url) => ({ cells: ['', '', '', '', url, ''] }))]
  return [...rows.slice(0, -1), { ...(rows.at(-1) as Row), notes: all ? [] : notes }]
}

function readyCell(ready: boolean, isPaused: boolean): Cell {
  if (!ready) return { text: 'no', tone: 'bad' }
  return isPaused ? { text: 'paused', tone: 'warning' } : { text: 'yes', tone: 'good' }
}

/** Formats one line about the running platform and its start. */
export function summaryLine(platform: Platform, startedInMs: number): string {
  const pods = platform.state().pods.length
  return (
    `up after ${(startedInMs / 1000).toFixed(1)} s: ${pods} pods, all environments at ${platform.indexUrl}, ` +
    `logs in ${platform.runFolder}/pods; press Ctrl-C to stop`
  )
}
