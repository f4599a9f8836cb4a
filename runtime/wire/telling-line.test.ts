import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tellingLine } from './telling-line.ts'

test.each([
  [['one', 'two', ''], 'two'],
  [['Error: DB_URL is not set', '    at main (app.js:3:9)', 'Node.js v24.1.0'], 'Error: DB_URL is not set'],
  [['Traceback (most recent call last):', "KeyError: 'DB_URL'"], "KeyError: 'DB_URL'"],
  [['panic: no config', '', 'goroutine 1 [running]:'], 'panic: no config'],
  [['\u001b[31mfatal: no\u001b[0m\r'], 'fatal: no'],
  [['cannot reach postgres://shop:secret@db:5432/shop'], 'cannot reach postgres://…@db:5432/shop'],
  [['a\u202eb\u0007c'], 'a b c'],
  [['', ' '], undefined],
  [[], undefined],
])('%j tells %j', (lines, line) => {
  expect(tellingLine(lines)).toBe(line)
})

test('any output becomes at most one printable line of 200 characters', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 400 })), (lines) => {
      const line = tellingLine(lines) ?? 'x'
      // oxlint-disable-next-line no-control-regex -- the pattern is for these characters
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/)
      expect(line.length).toBeLessThanOrEqual(200)
      expect(line).not.toBe('')
    }),
  )
})
