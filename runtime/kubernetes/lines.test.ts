import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineSplitter } from './lines.ts'

test('the lines do not depend on how the bytes are split into chunks', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ''))),
      fc.array(fc.nat(64)),
      (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
        const splitter = new LineSplitter(1_000_000)
        const got: string[] = []
        let at = 0
        for (const cut of [...cuts, bytes.length]) {
          got.push(...splitter.push(bytes.subarray(at, at + cut)))
          at = Math.min(bytes.length, at + cut)
        }
        expect(got).toEqual(lines.filter((line) => line !== ''))
        expect(splitter.unfinished).toBe(false)
      },
    ),
  )
})

test('a line that does not end is refused at the limit', () => {
  const splitter = new LineSplitter(8)
  expect(splitter.push(Buffer.from('12345678\n1234'))).toEqual(['12345678'])
  expect(splitter.unfinished).toBe(true)
  expect(() => splitter.push(Buffer.from('56789'))).toThrow(/more than 8 bytes/)
})
