/**
 * Finds the values of a part of the current table by another key. Tables are immutable, so a part that has not changed
 * is the same object, and a change costs one pass at the next look-up.
 */
export class TableIndex<Value> {
  readonly #part: () => ReadonlyMap<string, Value>
  readonly #keyOf: (value: Value) => string
  #indexed: ReadonlyMap<string, Value> | undefined
  #byKey = new Map<string, Value>()

  constructor(part: () => ReadonlyMap<string, Value>, keyOf: (value: Value) => string) {
    this.#part = part
    this.#keyOf = keyOf
  }

  find(key: string): Value | undefined {
    const part = this.#part()
    if (part !== this.#indexed) {
      this.#byKey = new Map([...part.values()].map((value) => [this.#keyOf(value), value]))
      this.#indexed = part
    }
    return this.#byKey.get(key)
  }
}
