import { printable } from '@branchline/runtime/local/printable'
import Table from 'cli-table3'
import type { EnvironmentView, Platform } from './platform.ts'

/** Formats the environments as a table: base, overrides and preview URLs. */
export function environmentTable(environments: readonly EnvironmentView[]): string {
  if (environments.length === 0) return 'no environments: add an Environment to the folder'
  const table = new Table({
    head: ['ENVIRONMENT', 'BASE', 'OVERRIDES', 'PREVIEW', 'READY', 'TIME'],
    style: { head: [], border: [], compact: true },
  })
  for (const { name, base, overrides, previews, ready, message, readyAfterMs } of environments) {
    const all = ready && previews.every((preview) => preview.ready)
    const why = [ready ? undefined : message, ...previews.map((it) => (it.ready ? undefined : it.message))]
    const cells = [
      name,
      base ?? '-',
      overrides.length === 0 ? '-' : overrides.join(', '),
      previews.map(({ name: preview, url }) => url ?? `${preview}: …`).join('\n') || '-',
      all ? 'yes' : (why.find((text) => text !== undefined) ?? 'not yet').slice(0, 60),
      readyAfterMs === undefined ? '-' : `${(readyAfterMs / 1000).toFixed(2)} s`,
    ]
    table.push(cells.map(printable))
  }
  return table.toString()
}

/** Formats one line about the running platform and its start. */
export function summaryLine(platform: Platform, startedInMs: number): string {
  const pods = platform.state().pods.length
  return (
    `up after ${(startedInMs / 1000).toFixed(1)} s: ${pods} pods, all environments at ${platform.indexUrl}, ` +
    `logs in ${platform.runFolder}/pods; press Ctrl-C to stop`
  )
}
