import type { z } from 'zod'
import { nearest } from '../near.ts'
import { type Environment, environment } from './environment.ts'
import { type Preview, preview } from './preview.ts'

/** One fault of one resource: the path of the field, and a sentence that names field, value and remedy. */
export interface FieldProblem {
  readonly field: string
  readonly message: string
}

/** A resource or its faults, never both. */
export type Parsed<T> =
  | { readonly value: T; readonly problems?: undefined }
  | { readonly value?: undefined; readonly problems: readonly FieldProblem[] }

/** Parses an Environment from an object of unknown shape (YAML, JSON, the API), and fills in the defaults. */
export const parseEnvironment = (object: unknown): Parsed<Environment> => parse(environment, object)

/** Parses a Preview from an object of unknown shape, and fills in the defaults. */
export const parsePreview = (object: unknown): Parsed<Preview> => parse(preview, object)

function parse<T>(schema: z.ZodType<T>, object: unknown): Parsed<T> {
  const result = schema.safeParse(object)
  if (result.success) return { value: result.data }
  return { problems: fieldProblems(schema, result.error, object) }
}

/** Converts the faults that a zod schema found in an object to sentences. */
export function fieldProblems(schema: z.ZodType, error: z.ZodError, object: unknown): FieldProblem[] {
  // One sentence per field: a value that is too long often has the wrong form as well.
  const seen = new Set<string>()
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((name) => unknownField(issue.path, name, fieldsAt(schema, issue.path)))
    }
    const field = pathText(issue.path)
    if (seen.has(field)) return []
    seen.add(field)
    const value = valueAt(object, issue.path)
    const wanted = wantedBy(issue)
    if (value === undefined) return [{ field, message: `${field} is missing: set it to ${wanted}` }]
    return [{ field, message: `${field} is ${shown(value)}: wanted ${wanted}` }]
  })
}

function unknownField(path: readonly PropertyKey[], name: string, known: readonly string[]): FieldProblem {
  const field = pathText([...path, name])
  const where = path.length === 0 ? 'here' : `in ${pathText(path)}`
  const near = nearest(name, known)
  const remedy = near === undefined ? 'remove it' : `did you mean ${near}?`
  const list = known.length === 0 ? '' : ` (fields ${where}: ${known.join(', ')})`
  return { field, message: `${field} is not a known field: ${remedy}${list}` }
}

function wantedBy(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value')
    return oneOf(issue.values.map((value) => (value === '' ? '""' : String(value))))
  if (issue.code === 'invalid_type') return ARTICLES[issue.expected] ?? issue.expected
  if (issue.code === 'too_big')
    return `at most ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`
  if (issue.code === 'too_small')
    return `at least ${issue.minimum}${issue.origin === 'string' ? ' characters' : ''}`
  return issue.message
}

const ARTICLES: Record<string, string> = {
  string: 'a text',
  object: 'an object',
  record: 'an object',
  boolean: 'true or false',
  array: 'a list',
  int: 'a whole number',
  number: 'a number',
}

const oneOf = (values: readonly string[]): string =>
  values.length === 1 ? (values[0] as string) : `one of ${values.join(', ')}`

/** Formats a path as people write it: `spec.ports[0].name`. */
export function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  return text === '' ? 'the object' : text.replace(/^\./, '')
}

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

function valueAt(object: unknown, path: readonly PropertyKey[]): unknown {
  let value = object
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<PropertyKey, unknown>)[part]
  }
  return value
}

function fieldsAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema
  for (const part of path) at = (shapeOf(at) ?? {})[String(part)]
  return Object.keys(shapeOf(at) ?? {})
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  const { shape } = (schema ?? {}) as { shape?: Record<string, unknown> }
  return shape
}
