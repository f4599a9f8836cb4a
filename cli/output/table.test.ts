import { expect, test } from 'vitest'
import { age } from './age.ts'
import { type Column, layoutOf, type Row, tableText } from './table.ts'
import { wrapped } from './wrap.ts'

const COLUMNS: readonly Column[] = [
  { title: 'NAME' },
  { title: 'OVERRIDES', shrink: 12 },
  { title: 'READY' },
  { title: 'URL', spill: true },
  { title: 'AGE', drop: 1 },
  { title: 'KEY', wide: true },
]
const row = (name: string, overrides: string, notes?: string[]): Row => ({
  cells: [name, overrides, { text: 'True', tone: 'good' }, `http://web--${name}.localhost:8080`, '5m', 'k'],
  ...(notes !== undefined && { notes }),
})

test('a table has no borders, and no spaces at the end of a line', () => {
  expect(tableText(COLUMNS, [row('alice', 'pricing'), row('bob', '-')])).toBe(
    [
      'NAME    OVERRIDES   READY   URL                                AGE',
      'alice   pricing     True    http://web--alice.localhost:8080   5m',
      'bob     -           True    http://web--bob.localhost:8080     5m',
      '',
    ].join('\n'),
  )
})

test('wide adds columns, and a tone is painted without moving the columns', () => {
  const text = tableText(COLUMNS, [row('a', '-')], {
    wide: true,
    header: false,
    paint: (tone, word) => `<${tone}:${word}>`,
  })
  expect(text).toBe('a      -           <good:True>    http://web--a.localhost:8080   5m    k\n')
})

test.each([
  [90, ['NAME', 'OVERRIDES', 'READY', 'URL', 'AGE'], []],
  [68, ['NAME', 'OVERRIDES', 'READY', 'URL'], []],
  [50, ['NAME', 'OVERRIDES', 'READY'], ['URL']],
])('at %i columns it shows %j', (width, shown, spilled) => {
  const rows = [row('alice', 'a-service,another-service,third')]
  const layout = layoutOf(COLUMNS, rows, { width })
  const titleOf = (index: number): string | undefined => COLUMNS[index]?.title
  expect(layout.shown.map(({ index }) => titleOf(index))).toEqual(shown)
  expect(layout.spilled.map(titleOf)).toEqual(spilled)
  const lines = tableText(COLUMNS, rows, { width }).split('\n')
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(width)
  expect(lines.join('\n')).toContain('http://web--alice.localhost:8080')
})

test('reasons are below their row, wrapped between words', () => {
  const reason = 'OverrideUnavailable: pricing has no ready endpoint because its pod has exited with code 1'
  const text = tableText(COLUMNS, [row('alice', '-', [reason])], { width: 55 })
  expect(text.split('\n').slice(1)).toEqual([
    'alice   -           True',
    '  http://web--alice.localhost:8080',
    '  OverrideUnavailable: pricing has no ready endpoint',
    '  because its pod has exited with code 1',
    '',
  ])
})

test('further rows keep the layout of the first ones', () => {
  const like = layoutOf(COLUMNS, [row('alice', 'pricing')], {})
  expect(tableText(COLUMNS, [row('a-longer-name', '-')], { like, header: false })).toMatch(
    /^a-lo…   - {11}True/,
  )
})

test('a word that is longer than the line stays whole', () => {
  expect(wrapped('see https://example.com/a/very/long/address/indeed now', 30, '  ')).toEqual([
    '  see',
    '  https://example.com/a/very/long/address/indeed',
    '  now',
  ])
})

test.each([
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [7_199, '119m'],
  [7_200, '2h'],
  [172_800, '2d'],
])('%i seconds are %s', (seconds, text) => {
  expect(age('2026-11-21T10:00:00Z', Date.parse('2026-11-21T10:00:00Z') + seconds * 1000)).toBe(text)
  expect(age(undefined, 0)).toBe('-')
})
