import { CliError } from '../platform/errors.ts'
import type { Case, Decided } from './decide.ts'
import { type Field, placed } from './fields.ts'
import type { Dimension } from './space.ts'
import { symbolOf, symbolsIn } from './symbols.ts'
import { FIELDS } from './values.ts'

/** Texts that YAML 1.1 and 1.2 both read as the text that they are, without quotes. */
const PLAIN = /^[A-Za-z][A-Za-z0-9./_-]*$/
const WORDS = /^(?:true|false|yes|no|on|off|y|n|null|nan|inf)$/i
const STEP = '  '
const BY_PATH = new Map(placed(FIELDS).map(({ path, field }) => [path, field]))

/**
 * An object of an installation as a document of a Helm template, each decision an `if` around what it changes.
 * What manifests have between double braces is text there too, never an action.
 */
export const templateOf = (decided: Decided): string => `${documentLines(decided).join('\n')}\n`

function documentLines(decided: Decided): string[] {
  if (decided.kind === 'absent') return []
  if (decided.kind === 'switch') return conditional(decided, '', documentLines)
  if (decided.kind === 'map') return ['---', ...partLines(decided, '')]
  throw new CliError('BL_CHART', `an object is no map but a ${decided.kind}`)
}

type Parts = Extract<Decided, { readonly parts: unknown }>
type Switch = Extract<Decided, { readonly kind: 'switch' }>

function partLines(decided: Parts, pad: string): string[] {
  return decided.parts.flatMap(([name, part]) =>
    decided.kind === 'map' ? entryLines(name, part, pad) : itemLines(part, pad),
  )
}

/** An entry of a map. */
function entryLines(name: string, decided: Decided, pad: string): string[] {
  const key = `${pad}${scalar(name)}:`
  if (decided.kind === 'absent') return []
  if (decided.kind === 'leaf') return leafLines(key, decided.value, pad)
  if (decided.kind === 'switch') return conditional(decided, pad, (one) => entryLines(name, one, pad))
  return [key, ...partLines(decided, pad + STEP)]
}

/** An item of a list. */
function itemLines(decided: Decided, pad: string): string[] {
  const dash = `${pad}-`
  if (decided.kind === 'absent') return []
  if (decided.kind === 'leaf') return leafLines(dash, decided.value, pad)
  if (decided.kind === 'switch') return conditional(decided, pad, (one) => itemLines(one, pad))
  const [first, ...rest] = partLines(decided, pad + STEP) as [string, ...string[]]
  // An action is no part of the item: where one comes first, the dash has a line of its own.
  return first.trimStart().startsWith('{{') || decided.kind !== 'map'
    ? [dash, first, ...rest]
    : [dash + first.slice(pad.length + 1), ...rest]
}

function leafLines(key: string, value: unknown, pad: string): string[] {
  const [before, path, after] = typeof value === 'string' ? symbolsIn(value) : []
  const type = path === undefined ? undefined : fieldAt(path).schema.type
  if (type !== 'object' && type !== 'array') return [`${key} ${scalar(value)}`]
  if (before !== '' || after !== '') throw new CliError('BL_CHART', `${path} is data inside of a text`)
  return [key, `${pad}${STEP}{{- toYaml .Values.${path} | nindent ${pad.length + STEP.length} }}`]
}

/** A scalar as YAML; as an action that writes YAML where values are in it, or braces that would be one. */
function scalar(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  const parts = symbolsIn(value)
  const paths = parts.filter((_, index) => index % 2 === 1)
  const isInteger = paths.some((path) => fieldAt(path).schema.type === 'integer')
  if (isInteger && value !== symbolOf(paths[0] as string)) {
    throw new CliError('BL_CHART', `${paths.join(', ')} is a number inside of a text`)
  }
  if (isInteger) return `{{ int .Values.${paths[0]} }}`
  if (paths.length === 0) {
    if (value.includes('{{')) return `{{ ${JSON.stringify(value)} | quote }}`
    return PLAIN.test(value) && !WORDS.test(value) ? value : JSON.stringify(value)
  }
  if (parts.length === 3 && parts[0] === '' && parts[2] === '') return `{{ .Values.${paths[0]} | quote }}`
  const format = parts.map((part, index) => (index % 2 === 1 ? '%s' : part.replaceAll('%', '%%'))).join('')
  return `{{ printf ${[JSON.stringify(format), ...paths.map((path) => `.Values.${path}`)].join(' ')} | quote }}`
}

/** An `if` with an `else` for each further case; cases of which nothing comes are left out. */
function conditional(decided: Switch, pad: string, lines: (one: Decided) => string[]): string[] {
  const { conditions, inner } = conjoined(decided)
  if (conditions.length > 1) {
    return [`${pad}{{- if and ${conditions.map(bracketed).join(' ')} }}`, ...lines(inner), `${pad}{{- end }}`]
  }
  const cases = decided.cases
    .map((one) => ({ ...one, lines: lines(one.decided) }))
    // What is false for Go comes last, as else.
    .toSorted((a, b) => Number(isFalse(decided.dimension, a)) - Number(isFalse(decided.dimension, b)))
  const saying = cases.filter((one) => one.lines.length > 0)
  const out: string[] = []
  for (const [index, one] of saying.entries()) {
    const isRest = saying.length === cases.length && index === saying.length - 1
    const condition = `if ${conditionOf(decided.dimension, one)}`
    const action = index === 0 ? condition : isRest ? 'else' : `else ${condition}`
    if (isRest && one.decided.kind === 'switch') out.push(...chained(one.lines))
    else out.push(`${pad}{{- ${action} }}`, ...one.lines)
  }
  return [...out, `${pad}{{- end }}`]
}

/** The lines of an `if … end` as what follows an `if` of the same depth. */
const chained = (lines: readonly string[]): string[] =>
  lines.slice(0, -1).map((line, index) => (index === 0 ? line.replace('{{- if ', '{{- else if ') : line))

/** Decisions of which only one case each has something: all their conditions, and that something. */
function conjoined(decided: Decided): { conditions: string[]; inner: Decided } {
  if (decided.kind !== 'switch') return { conditions: [], inner: decided }
  const saying = decided.cases.filter((one) => one.decided.kind !== 'absent')
  const [only] = saying as [Case]
  if (saying.length !== 1) return { conditions: [], inner: decided }
  const { conditions, inner } = conjoined(only.decided)
  return { conditions: [conditionOf(decided.dimension, only), ...conditions], inner }
}

const bracketed = (condition: string): string => (condition.includes(' ') ? `(${condition})` : condition)
const isText = ({ field }: Dimension): boolean =>
  field.choices !== undefined && field.schema.type === 'string'

/** Whether a case is the one that Go takes for false: a switch that is off, a value that is not said. */
const isFalse = (dimension: Dimension, { options }: Case): boolean =>
  !isText(dimension) && options.length === 1 && options[0] === 0

function conditionOf(dimension: Dimension, one: Case): string {
  const value = `.Values.${dimension.path}`
  if (!isText(dimension)) return isFalse(dimension, one) ? `not ${value}` : value
  return `eq ${value} ${one.options.map((option) => JSON.stringify(dimension.options[option])).join(' ')}`
}

function fieldAt(path: string): Field {
  const field = BY_PATH.get(path)
  if (field !== undefined) return field
  throw new CliError('BL_CHART', `a manifest has "${path}", which is no value`)
}
