/** The error for a value: where it stands (empty: the whole message), and what is wanted there. */
export type Fault = (path: string, wanted: string) => Error

/**
 * A part of a JSON value, and where it stands. It is the one reader of messages in programs that load no library for
 * schemas (decision 0091). Each method returns a value of the wanted type, or throws the error of a {@link Fault}.
 */
export class Json {
  readonly #value: unknown
  readonly #fault: Fault
  readonly #parent: Json | undefined
  readonly #name: string

  constructor(value: unknown, fault: Fault, parent?: Json, name = '') {
    this.#value = value
    this.#fault = fault
    this.#parent = parent
    this.#name = name
  }

  /** A field of an object. A field that is absent is undefined, and no field is inherited. */
  at(name: string): Json {
    const fields = this.#fields()
    return new Json(Object.hasOwn(fields, name) ? fields[name] : undefined, this.#fault, this, name)
  }

  /** An item's place is that of the list, with its index if `numbered`. */
  list<T>(read: (item: Json) => T, numbered = true): T[] {
    if (!Array.isArray(this.#value)) throw this.fault('a list')
    return this.#value.map((value, index) =>
      read(new Json(value, this.#fault, this, numbered ? String(index) : '')),
    )
  }

  /** An object whose fields have any names, or such names as `readName` accepts. */
  record<T>(read: (value: Json) => T, readName?: (name: Json) => string): Record<string, T> {
    const entries = Object.entries(this.#fields()).map(([name, value]) => {
      readName?.(new Json(name, this.#fault, this))
      return [name, read(new Json(value, this.#fault, this, name))] as const
    })
    return Object.fromEntries(entries)
  }

  /** A value that may be absent. */
  optional<T>(read: (value: Json) => T): T | undefined {
    return this.#value === undefined ? undefined : read(this)
  }

  /** A value that may be null. */
  nullable<T>(read: (value: Json) => T): T | null {
    return this.#value === null ? null : read(this)
  }

  is(value: string | boolean | null): boolean {
    return this.#value === value
  }

  text(): string {
    return this.check(isText, 'a text')
  }

  flag(): boolean {
    return this.check(isFlag, 'true or false')
  }

  number(least: number, most: number): number {
    const isIn = (value: unknown): value is number =>
      Number.isInteger(value) && (value as number) >= least && (value as number) <= most
    return this.check(isIn, `a whole number from ${least} to ${most}`)
  }

  /** One of a few words. */
  oneOf<T extends string>(words: readonly T[]): T {
    return this.check((value): value is T => words.includes(value as T), `one of ${words.join(', ')}`)
  }

  /** An object as it is. */
  object(): Readonly<Record<string, unknown>> {
    return this.#fields()
  }

  /** Any rule: `wanted` completes "wanted …". */
  check<T>(isRight: (value: unknown) => value is T, wanted: string): T {
    if (isRight(this.#value)) return this.#value
    throw this.fault(wanted)
  }

  /** The error of this part. */
  fault(wanted: string): Error {
    return this.#fault(this.#path(), wanted)
  }

  #fields(): Readonly<Record<string, unknown>> {
    const value = this.#value
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
    throw this.fault('an object')
  }

  /** Only an error needs it, so that reading makes no text. */
  #path(): string {
    const above = this.#parent === undefined ? '' : this.#parent.#path()
    if (this.#name === '') return above
    return above === '' ? this.#name : `${above}.${this.#name}`
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isFlag = (value: unknown): value is boolean => typeof value === 'boolean'
