import type { CircuitStatus } from '@branchline/wire/circuits/circuit'
import { terminal } from '../output/terminal.ts'
import type { ApiOptions } from '../relay/api/choose.ts'
import { openApi } from '../relay/api/connect.ts'
import type { Format } from '../relay/api/options.ts'
import { readAll } from '../relay/api/pages.ts'
import { dataText, listText } from '../relay/api/print.ts'
import { CIRCUIT_COLUMNS, circuitRow, circuitSheet } from './view.ts'

export interface ListOptions extends ApiOptions {
  readonly output?: Format
  readonly selector?: string
  readonly status?: CircuitStatus
  readonly group?: string
  readonly owner?: string
  readonly text?: string
  readonly limit?: number
}

/** Runs `branchline circuit ls`. */
export async function runList(options: ListOptions): Promise<void> {
  const { selector: label, status, group, owner, text, limit, output } = options
  const filters = { label, status, group, owner, text }
  const api = openApi(options)
  const { items, isCut } = await api.call((client) =>
    readAll((page) => client.listCircuits({ query: { ...filters, ...page } }), limit),
  )
  if (items.length === 0) {
    const isFiltered = Object.values(filters).some((value) => value !== undefined)
    const hint = isFiltered ? 'no circuit matches' : 'no circuits: branchline circuit create makes one'
    process.stderr.write(`${hint} (${api.url})\n`)
  }
  const now = Date.now()
  process.stdout.write(listText(items, CIRCUIT_COLUMNS, (one) => circuitRow(one, now), output, terminal()))
  if (isCut) process.stderr.write(`only the first ${items.length}: raise --limit to see more\n`)
}

/** Runs `branchline circuit get`. */
export async function runGetCircuit(
  key: string,
  options: ApiOptions & { readonly output?: Format },
): Promise<void> {
  const circuit = await openApi(options).call((client) => client.getCircuit({ params: { key } }))
  const now = Date.now()
  const text = dataText(circuit, options.output)
  const wide = options.output === 'wide'
  process.stdout.write(
    text ??
      (wide
        ? listText([circuit], CIRCUIT_COLUMNS, (one) => circuitRow(one, now), 'wide', terminal())
        : circuitSheet(circuit, now, terminal())),
  )
}
