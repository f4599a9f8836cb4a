/** A JSON schema, as far as values need it. */
export interface ValueSchema {
  readonly type: 'string' | 'integer' | 'boolean' | 'object' | 'array'
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
}

/**
 * One value of an installation: what it means, what it is where nobody says it, what it may be.
 * An optional one that is empty (`''`, `0`, `{}`, `[]`: what Go templates take for false) says nothing.
 */
export class Field<T = unknown> {
  readonly doc: string
  readonly standard: T
  readonly schema: ValueSchema
  readonly isOptional: boolean
  constructor(doc: string, standard: T, schema: ValueSchema, isOptional: boolean) {
    this.doc = doc
    this.standard = standard
    this.schema = schema
    this.isOptional = isOptional
  }

  /** The few values between which manifests differ in more than one place's text, or none. */
  get choices(): readonly (string | boolean)[] | undefined {
    if (this.schema.type === 'boolean') return [false, true]
    return this.isOptional ? undefined : this.schema.enum
  }
}

/** Values by name, in groups. */
export interface FieldTree {
  readonly [name: string]: Field | FieldTree
}

/** What a tree of fields describes. */
export type ValuesOf<T> = {
  readonly [K in keyof T]: T[K] extends Field<infer V> ? V : ValuesOf<T[K]>
}

type TextLimits = Pick<ValueSchema, 'pattern' | 'maxLength'>

export const text = (doc: string, standard: string, limits: TextLimits = {}): Field<string> =>
  new Field(doc, standard, { type: 'string', minLength: 1, ...limits }, false)

export function optionalText(doc: string, { pattern, ...limits }: TextLimits = {}): Field<string> {
  const orEmpty = pattern === undefined ? {} : { pattern: `^$|(?:${pattern})` }
  return new Field(doc, '', { type: 'string', ...orEmpty, ...limits }, true)
}

export const choice = <T extends string>(doc: string, standard: T, options: readonly T[]): Field<T> =>
  new Field<T>(doc, standard, { type: 'string', enum: options }, false)

export const optionalChoice = <T extends string>(doc: string, options: readonly T[]): Field<T | ''> =>
  new Field<T | ''>(doc, '', { type: 'string', enum: ['', ...options] }, true)

export const flag = (doc: string, standard: boolean): Field<boolean> =>
  new Field(doc, standard, { type: 'boolean' }, false)

export const whole = (doc: string, standard: number): Field<number> =>
  new Field(doc, standard, { type: 'integer', minimum: 0 }, false)

export const optionalPort = (doc: string): Field<number> =>
  new Field(doc, 0, { type: 'integer', minimum: 0, maximum: 65_535 }, true)

export const map = <T extends object>(doc: string, standard: T): Field<T> =>
  new Field(doc, standard, { type: 'object' }, false)

export const optionalMap = <T extends object>(doc: string): Field<T> =>
  new Field(doc, {} as T, { type: 'object' }, true)

export const optionalList = <T>(doc: string): Field<readonly T[]> =>
  new Field<readonly T[]>(doc, [], { type: 'array' }, true)

/** A field and where it is: names from the root, with dots. */
export interface Placed {
  readonly path: string
  readonly field: Field
}

/** All fields of a tree, in its order. */
export const placed = (tree: FieldTree, prefix = ''): Placed[] =>
  Object.entries(tree).flatMap(([name, entry]) =>
    entry instanceof Field ? [{ path: prefix + name, field: entry }] : placed(entry, `${prefix}${name}.`),
  )

/** A tree's values, each as the function says by its path and its field. */
export function valuesOf<T extends FieldTree>(
  tree: T,
  value: (path: string, field: Field) => unknown,
  prefix = '',
): ValuesOf<T> {
  const entries = Object.entries(tree).map(([name, entry]) => [
    name,
    entry instanceof Field ? value(prefix + name, entry) : valuesOf(entry, value, `${prefix}${name}.`),
  ])
  return Object.fromEntries(entries) as ValuesOf<T>
}
