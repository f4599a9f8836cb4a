import { printableLine } from '@branchline/runtime/local/printable'
import type { TableOptions, Tone } from '../output/table.ts'
import { wrapped } from '../output/wrap.ts'
import type { CheckResult } from './cluster-result.ts'

const SIGNS: Readonly<Record<CheckResult['status'], readonly [sign: string, tone: Tone]>> = {
  ok: ['√', 'good'],
  warning: ['‼', 'warning'],
  error: ['×', 'bad'],
}

/**
 * Formats the results in the style of `linkerd check`: a line for each check, under its category, and below a failed one
 * what was found, what to do and where to read on. The exit code is 1 if a check failed. A warning fails nothing.
 */
export function clusterReport(
  results: readonly CheckResult[],
  { width, paint }: Pick<TableOptions, 'width' | 'paint'>,
): { text: string; exitCode: number } {
  const groups = Object.entries(Object.groupBy(results, ({ category }) => category))
  const blocks = groups.map(([category, group = []]) => {
    const lines = group.flatMap((result) => linesOf(result, width, paint))
    return [category, '-'.repeat(category.length), ...lines, ''].join('\n')
  })
  const failed = results.filter(({ status }) => status === 'error').length
  const warned = results.filter(({ status }) => status === 'warning').length
  const sum =
    failed > 0 ? `${failed} of ${results.length} checks failed` : `all ${results.length} checks passed`
  const more = warned > 0 ? `, ${warned} with a warning` : ''
  return { text: `${blocks.join('\n')}\n${sum}${more}\n`, exitCode: failed > 0 ? 1 : 0 }
}

function linesOf(
  { name, status, detail, hint, page }: CheckResult,
  width: number | undefined,
  paint: TableOptions['paint'],
): string[] {
  const [sign, tone] = SIGNS[status]
  const mark = paint?.(tone, sign) ?? sign
  if (status === 'ok') return [`${mark} ${name}${detail === undefined ? '' : ` (${printableLine(detail)})`}`]
  const parts = [detail, hint, page === undefined ? undefined : `see ${page}`]
  return [
    `${mark} ${name}`,
    ...parts.flatMap((part) => (part === undefined ? [] : wrapped(printableLine(part), width, '    '))),
  ]
}
