import { platformFaults } from '@branchline/cdk8s/platform/faults'
import { Field, type FieldTree } from './fields.ts'
import { FIELDS, type PlatformValues, propsOf } from './values.ts'

type Data = Readonly<Record<string, unknown>>

/** Values over others, as Helm lays them: maps are merged, null removes a key, all else is replaced. */
export function overlaid(under: Data, over: Data): Data {
  const merged: Record<string, unknown> = { ...under }
  for (const [name, value] of Object.entries(over)) {
    const below = merged[name]
    if (value === null || value === undefined) delete merged[name]
    else merged[name] = isMap(value) ? overlaid(isMap(below) ? below : {}, value) : value
  }
  return merged
}

export const isMap = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Values that were read, once all of them are what they may be; otherwise one sentence a fault. */
export function parseValues(values: Data): { values?: PlatformValues; faults: string[] } {
  const faults = [...treeFaults(FIELDS, values, '', typeFaults)]
  if (faults.length > 0) return { faults }
  const parsed = values as unknown as PlatformValues
  // The construct's own sentences, which know more than a pattern says.
  const wrong = [...platformFaults(propsOf(parsed))]
  const rest = wrong.length > 0 ? wrong : [...treeFaults(FIELDS, values, '', limitFaults)]
  return rest.length > 0 ? { faults: rest } : { values: parsed, faults: [] }
}

type Check = (path: string, field: Field, value: unknown) => Iterable<string>

function* treeFaults(tree: FieldTree, values: Data, prefix: string, check: Check): Generator<string> {
  for (const name of Object.keys(values)) {
    if (!Object.hasOwn(tree, name)) {
      yield `there is no value ${prefix}${name}: wanted one of ${Object.keys(tree).join(', ')}`
    }
  }
  for (const [name, entry] of Object.entries(tree)) {
    const value = values[name]
    if (entry instanceof Field) yield* check(`${prefix}${name}`, entry, value)
    else if (isMap(value)) yield* treeFaults(entry, value, `${prefix}${name}.`, check)
    else
      yield `${prefix}${name} is ${JSON.stringify(value)}: wanted a map of ${Object.keys(entry).join(', ')}`
  }
}

function* typeFaults(path: string, { schema }: Field, value: unknown): Generator<string> {
  if (typeOf(value) !== schema.type) {
    yield `${path} is ${JSON.stringify(value)}: wanted ${WANTED[schema.type]}`
  }
}

function* limitFaults(path: string, { schema }: Field, value: unknown): Generator<string> {
  const said = `${path} is ${JSON.stringify(value)}`
  if (typeof value === 'string') {
    const { enum: options, pattern, minLength = 0, maxLength = Infinity } = schema
    const isMatch = pattern === undefined || new RegExp(pattern).test(value)
    if (options?.includes(value) === false) yield `${said}: wanted one of ${options.join(', ')}`
    if (!isMatch) yield `${said}: wanted a text that matches ${pattern}`
    if (value.length < minLength || value.length > maxLength) {
      yield `${said}: wanted ${minLength} to ${maxLength} characters`
    }
  } else if (typeof value === 'number') {
    const { minimum = -Infinity, maximum = Infinity } = schema
    if (value < minimum || value > maximum) yield `${said}: wanted ${minimum} to ${maximum}`
  }
}

const WANTED = {
  string: 'a text',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  array: 'a list',
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (Number.isInteger(value)) return 'integer'
  return value === null ? 'null' : typeof value
}
