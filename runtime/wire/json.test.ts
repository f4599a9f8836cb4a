import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Json } from './json.ts'

const of = (value: unknown): Json => new Json(value, (path, wanted) => new Error(`${path}: wanted ${wanted}`))

/** What a reader returns, or undefined if it throws its sentence. */
function result<T>(value: unknown, read: (from: Json) => T): T | undefined {
  try {
    return read(of(value))
  } catch (error) {
    if (/: wanted /.test((error as Error).message)) return undefined
    throw error
  }
}
const parsed = <T>(schema: z.ZodType<T>, value: unknown): T | undefined => schema.safeParse(value).data

test('an error names the place and what is wanted there', () => {
  const value = { a: { b: [{ c: 1 }, { c: 'x' }] }, d: {} }
  const c = (from: Json): number => from.at('c').number(0, 9)
  expect(() => of(value).at('a').at('b').list(c)).toThrow('a.b.1.c: wanted a whole number from 0 to 9')
  expect(() => of(value).at('a').at('b').list(c, false)).toThrow('a.b.c: wanted a whole number from 0 to 9')
  expect(() =>
    of(value)
      .at('a')
      .record((it) => it.text()),
  ).toThrow('a.b: wanted a text')
  expect(() => of(value).at('d').list(c)).toThrow('d: wanted a list')
  expect(() => of(value).at('d').oneOf(['x', 'y'])).toThrow('d: wanted one of x, y')
  expect(() => of([]).at('a')).toThrow(': wanted an object')
  expect(() =>
    of({ a: { b: 1 } })
      .at('a')
      .record(
        (it) => it.number(0, 1),
        (name) => {
          throw name.fault('no names')
        },
      ),
  ).toThrow('a: wanted no names')
})

test('inherited fields are absent, and names such as __proto__ are names', () => {
  for (const name of ['constructor', 'toString', '__proto__']) {
    expect(
      of({})
        .at(name)
        .optional((it) => it.object()),
    ).toBeUndefined()
  }
  const read = of(JSON.parse('{"__proto__": 1, "constructor": 2}')).record((it) => it.number(0, 9))
  expect(Object.entries(read)).toEqual([
    ['__proto__', 1],
    ['constructor', 2],
  ])
  expect(({} as Record<string, unknown>)['1']).toBeUndefined()
})

test('each rule agrees with that of a schema, for every JSON value', () => {
  const rules: [(from: Json) => unknown, z.ZodType][] = [
    [(it) => it.text(), z.string()],
    [(it) => it.flag(), z.boolean()],
    [(it) => it.number(-3, 7), z.int().min(-3).max(7)],
    [(it) => it.oneOf(['a', 'b']), z.enum(['a', 'b'])],
    [(it) => it.list((item) => item.text()), z.array(z.string())],
    [(it) => it.record((one) => one.flag()), z.record(z.string(), z.boolean())],
    [(it) => it.nullable((one) => one.text()), z.string().nullable()],
    [
      (it) => it.at('a').optional((one) => one.text()),
      z.object({ a: z.string().optional() }).transform(({ a }) => a),
    ],
  ]
  const leaf = fc.oneof(
    fc.integer({ min: -5, max: 9 }),
    fc.boolean(),
    fc.constantFrom('a', 'b', '', null),
    fc.double(),
  )
  const value = fc.oneof(
    leaf,
    fc.array(leaf, { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'constructor'), leaf),
    fc.jsonValue(),
  )
  fc.assert(
    fc.property(value, fc.constantFrom(...rules), (it, [read, schema]) => {
      expect(result(it, read)).toEqual(parsed(schema, it))
    }),
    { numRuns: 3_000 },
  )
})
