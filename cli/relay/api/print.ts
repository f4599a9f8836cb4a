import { stringify } from 'yaml'
import { safely } from '../../output/safely.ts'
import { type Column, type Row, tableText, type TableOptions } from '../../output/table.ts'
import type { Format } from './options.ts'

/** A value of the API in the format that the user wants, or undefined for a table. */
export function dataText(value: unknown, format: Format | undefined): string | undefined {
  if (format === 'json') return `${JSON.stringify(value, undefined, 2)}\n`
  return format === 'yaml' ? stringify(value, { lineWidth: 0 }) : undefined
}

/** A list in the format that the user wants. Without items, a table is empty. Pure. */
export function listText<T>(
  items: readonly T[],
  columns: readonly Column[],
  rowOf: (item: T) => Row,
  format: Format | undefined,
  style: Pick<TableOptions, 'width' | 'paint'>,
): string {
  const data = dataText({ items }, format)
  if (data !== undefined) return data
  if (items.length === 0) return ''
  const rows = items.map((item) => safely(rowOf(item)))
  return tableText(columns, rows, { ...style, wide: format === 'wide' })
}
