import { expect, test } from 'vitest'
import { printable, printableLine, printableLog } from './printable.ts'

test.each([
  ['plain – größer 語 🙂', 'plain – größer 語 🙂'],
  ['\u001b[2J\u001b]0;title\u0007', '\\u001b[2J\\u001b]0;title\\u0007'],
  ['one\ntwo\tthree\rfour', 'one\\ntwo\\tthree\\rfour'],
  ['\u009b2J \u0000 \u007f', '\\u009b2J \\u0000 \\u007f'],
  ['api\u202egpj.yaml \u2066x\u2069 \u2028', 'api\\u202egpj.yaml \\u2066x\\u2069 \\u2028'],
])('%j becomes one line without effect on a terminal', (text, expected) => {
  expect(printableLine(text)).toBe(expected)
})

test('lines of a text stay lines', () => {
  expect(printable('a\u001b[H\nb\r\nc')).toBe('a\\u001b[H\nb\\r\nc')
})

test.each([
  [
    'colours stay, and end with the line',
    '\u001b[1;32mok\u001b[0m\u001b[31mred',
    '\u001b[1;32mok\u001b[0m\u001b[31mred\u001b[0m',
  ],
  ['tabs stay', 'a\tb', 'a\tb'],
  ['the cursor does not move', 'a\u001b[2J\u001b[1;1Hb\u001b[?25lc\u001b7d', 'abcd'],
  ['the window keeps its title, and links are removed', '\u001b]0;x\u0007a\u001b]8;;http://x\u001b\\b', 'ab'],
  ['a sequence without an end leaves no escape', 'a\u001b]0;x', 'a'],
  ['single characters are removed', 'a\r\u0008\u0000\u009b2Jb', 'a2Jb'],
])('in a log line: %s', (_name, line, expected) => {
  expect(printableLog(line)).toBe(expected)
})
