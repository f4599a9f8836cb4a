import { z } from 'zod'
import { type Fault, refusal } from '@branchline/wire/circuits/problem'
import { faultsOf } from '../circuits/spec.ts'

/** Parses the body of a request. Throws a refusal with all faults. */
export function parseBody(schema: z.ZodType, body: unknown): unknown {
  const result = schema.safeParse(body)
  const faults = [...faultsOf(result.error), ...unstorable(body, '')]
  if (faults.length > 0) throw refusal('invalid-fields', { errors: faults })
  return result.data
}

/** Parses path parameters. Throws a refusal. */
export function parseParams(schema: z.ZodObject, params: Readonly<Record<string, string>>): unknown {
  const result = schema.safeParse(params)
  if (result.success) return result.data
  throw refusal('invalid-request', { errors: named(result.error) })
}

/** Parses the query. Each parameter comes at most once. Throws a refusal. */
export function parseQuery(schema: z.ZodObject, query: Readonly<Record<string, readonly string[]>>): unknown {
  const values: Record<string, unknown> = {}
  const faults: Fault[] = []
  for (const [name, [value = '', ...more]] of Object.entries(query)) {
    if (more.length > 0) faults.push({ pointer: `?${name}`, detail: 'the parameter comes more than once' })
    values[name] = isInteger(schema, name) && /^-?\d{1,15}$/.test(value) ? Number(value) : value
    faults.push(...unstorable(value, `?${name}`))
  }
  const result = schema.safeParse(values)
  faults.push(...named(result.error))
  if (faults.length > 0) throw refusal('invalid-request', { errors: faults })
  return result.data
}

const isInteger = (schema: z.ZodObject, name: string): boolean => {
  const field: unknown = schema.shape[name]
  return field instanceof z.ZodOptional && field.unwrap() instanceof z.ZodNumber
}

const named = (error: z.ZodError | undefined): Fault[] =>
  faultsOf(error).map(({ pointer, detail }) => ({ pointer: pointer.replace(/^\//, '?'), detail }))

/** PostgreSQL stores neither NUL nor half of a surrogate pair. */
function unstorable(value: unknown, pointer: string, faults: Fault[] = []): Fault[] {
  if (typeof value === 'string') {
    const isStorable = !value.includes('\0') && value.isWellFormed()
    if (!isStorable) faults.push({ pointer, detail: 'a character that text cannot contain' })
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      unstorable(name, pointer, faults)
      unstorable(item, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, faults)
    }
  }
  return faults
}

/** Reads If-Match: the version that a change is for, undefined for any. Throws a refusal. */
export function parseIfMatch(value: string | null): number | undefined {
  if (value === null || value.trim() === '*') return undefined
  const version = /^"(\d{1,15})"$/.exec(value.trim())?.[1]
  if (version !== undefined) return Number(version)
  // An entity tag that this API has not made matches nothing (RFC 9110, 13.1.1).
  if (/^(W\/)?"[^"]*"(\s*,\s*(W\/)?"[^"]*")*$/.test(value.trim())) return -1
  throw refusal('invalid-request', {
    errors: [{ pointer: '?If-Match', detail: 'an ETag of the circuit, such as "3"' }],
  })
}
