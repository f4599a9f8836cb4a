import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Certificate } from './certificate.ts'
import { Selection } from './selection.ts'

let count = 0
const certificate = (names: string[], fields: Partial<Certificate> = {}): Certificate => ({
  names,
  id: `id-${count++}`,
  origin: 'test',
  cert: '',
  key: '',
  notBeforeMs: 0,
  notAfterMs: 1_000,
  warning: undefined,
  ...fields,
})

const select = (certificates: Certificate[], nowMs = 500): Selection =>
  new Selection(certificates, { domain: 'preview.test', nowMs })

describe('a name', () => {
  test('selects an exact certificate before a wildcard of one label', () => {
    const [exact, wildcard] = [certificate(['a.preview.test']), certificate(['*.preview.test'])]
    const selection = select([wildcard, exact])
    expect(selection.named('a.preview.test')).toBe(exact)
    expect(selection.named('b.preview.test')).toBe(wildcard)
    expect(selection.named('a.b.preview.test')).toBeUndefined()
    expect(selection.named('preview.test')).toBeUndefined()
    expect(selection.named('.preview.test')).toBeUndefined()
  })

  test('selects the valid, then the newer certificate, in any order', () => {
    const expired = certificate(['a.test'], { notBeforeMs: 400, notAfterMs: 450 })
    const old = certificate(['a.test'], { notBeforeMs: 100 })
    const current = certificate(['a.test'], { notBeforeMs: 300 })
    const future = certificate(['a.test'], { notBeforeMs: 600 })
    fc.assert(
      fc.property(fc.shuffledSubarray([expired, old, current, future], { minLength: 4 }), (order) => {
        expect(select(order).named('a.test')).toBe(current)
        expect(select(order, 700).named('a.test')).toBe(future)
      }),
    )
  })

  test('finds what a search of all certificates finds', () => {
    const label = fc.constantFrom('a', 'b', '*')
    const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => `${labels.join('.')}.test`)
    fc.assert(
      fc.property(fc.array(name, { maxLength: 8 }), name, (names, wanted) => {
        fc.pre(!wanted.includes('*') && names.every((one) => !one.slice(1).includes('*')))
        const found = select(names.map((one) => certificate([one]))).named(wanted)?.names[0]
        const parent = `*.${wanted.split('.').slice(1).join('.')}`
        expect(found).toBe(names.includes(wanted) ? wanted : names.find((one) => one === parent))
      }),
    )
  })
})

describe('the default', () => {
  test('is the named one, else that of the domain, else the first by name', () => {
    const [other, first] = [certificate(['b.test']), certificate(['a.test'])]
    const wildcard = certificate(['*.preview.test'])
    expect(select([]).standard).toBeUndefined()
    expect(select([other, first]).standard).toBe(first)
    expect(select([first, wildcard]).standard).toBe(wildcard)
    const options = { domain: 'preview.test', nowMs: 500, isStandard: (one: Certificate) => one === other }
    expect(new Selection([first, wildcard, other], options).standard).toBe(other)
  })
})

test('10,000 certificates are found by name', () => {
  const all = Array.from({ length: 10_000 }, (_, index) =>
    certificate([`h${index}.test`, `*.h${index}.test`]),
  )
  const selection = select(all)
  expect(selection.named('h9999.test')).toBe(all[9_999])
  expect(selection.named('x.h5000.test')).toBe(all[5_000])
})
