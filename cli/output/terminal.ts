import { styleText } from 'node:util'
import type { TableOptions, Tone } from './table.ts'

const STYLES = { good: 'green', bad: 'red', warning: 'yellow', dim: 'dim' } as const

/** What standard output can show: its width, and colours unless NO_COLOR is set. A pipe has neither. */
export function terminal(stream: NodeJS.WriteStream = process.stdout): Required<
  Pick<TableOptions, 'paint'>
> & {
  readonly width?: number
} {
  const paint = (tone: Tone, text: string): string => styleText(STYLES[tone], text, { stream })
  return { paint, ...(stream.isTTY && { width: stream.columns || 80 }) }
}
