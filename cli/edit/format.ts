import { resolvePlain } from '@branchline/runtime/local/manifests/yaml-scalar'
import { stringify } from 'yaml'
import type { Style } from './style.ts'

/** Formats a key and its value as lines of a block map. Every line begins with `column` spaces. */
export const formatPair = (key: string, value: unknown, column: number, style: Style): string =>
  indented({ [key]: value }, column, style)

/** Formats an item as lines of a block list. */
export const formatItem = (value: unknown, column: number, style: Style): string =>
  indented([value], column, style)

function indented(value: unknown, column: number, style: Style): string {
  const text = stringify(value, {
    indent: style.indent,
    indentSeq: style.indentLists,
    lineWidth: 0,
    // Quote every text that YAML 1.1 reads as something else.
    compat: 'yaml-1.1',
    aliasDuplicateObjects: false,
  })
  const lines = text.trimEnd().split('\n')
  return lines.map((line) => (line === '' ? '' : ' '.repeat(column) + line)).join(style.lineBreak)
}

/**
 * Formats a value with brackets: in one line or, if the style has an indentation, as JSON whose lines begin with `base`.
 */
export function formatFlow(value: unknown, base: string, style: Style): string {
  if (typeof value !== 'object' || value === null) return formatScalar(value, style)
  const isList = Array.isArray(value)
  const inner = base + (style.flowIndent ?? '')
  const parts = isList
    ? value.map((item: unknown) => formatFlow(item, inner, style))
    : Object.entries(value).map(([key, part]) => formatFlowPair(key, part, inner, style))
  const [open, close] = isList ? '[]' : '{}'
  if (parts.length === 0 || style.flowIndent === undefined) return `${open}${parts.join(style.comma)}${close}`
  const { lineBreak } = style
  return `${open}${lineBreak}${parts.map((part) => inner + part).join(`,${lineBreak}`)}${lineBreak}${base}${close}`
}

/** Formats a key and its value for a map in brackets. */
export const formatFlowPair = (key: string, value: unknown, base: string, style: Style): string =>
  `${formatScalar(key, style)}${style.colon}${formatFlow(value, base, style)}`

/** A text that needs no quotes anywhere in YAML, unless it is a word such as `yes`. */
const PLAIN = /^[A-Za-z/](?:[\w./@-]|:(?=[\w/]))*$/

function formatScalar(value: unknown, { isJson }: Style): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  const isPlain = !isJson && PLAIN.test(value) && resolvePlain(value) === value
  return isPlain ? value : JSON.stringify(value)
}
