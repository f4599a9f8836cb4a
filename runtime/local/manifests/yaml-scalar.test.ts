import { expect, test } from 'vitest'
import { resolvePlain, resolveTagged } from './yaml-scalar.ts'

// The values are those of sigs.k8s.io/yaml 1.6.0, which kubectl, Helm and the API server use.
test.each([
  ['0400', 256],
  ['0644', 420],
  ['-0644', -420],
  ['0o400', 256],
  ['0O17', 15],
  ['0x1F', 31],
  ['0b11', 3],
  ['-0b11', -3],
  ['+7', 7],
  ['0', 0],
  ['-0', 0],
  ['1_000', 1000],
  ['08', 8],
  ['0_8', 8],
  ['18446744073709551615', 2 ** 64],
  ['18446744073709551616', 2 ** 64],
  ['1e3', 1000],
  ['1.', 1],
  ['-.5', -0.5],
  ['.5', 0.5],
  ['.5_0', 0.5],
  ['1.5e-3', 0.0015],
])('%s is the number %d', (text, value) => {
  expect(resolvePlain(text)).toBe(value)
})

test.each([
  ['yes', true],
  ['On', true],
  ['y', true],
  ['TRUE', true],
  ['no', false],
  ['off', false],
  ['N', false],
  ['~', null],
  ['', null],
  ['Null', null],
])('%j is %j', (text, value) => {
  expect(resolvePlain(text)).toBe(value)
})

test.each([
  ['yES', 'neither written in small nor in capital letters'],
  ['12:30:45', 'a time'],
  ['2001-01-01', 'a date'],
  ['=', 'a sign'],
  ['<<', 'a merge key without being a key'],
  ['1.2.3', 'a version'],
  ['0x', 'no digits'],
  ['0b12', 'not binary'],
  ['1e', 'no exponent'],
  ['.', 'only a point'],
  ['._5', 'an underscore after a point'],
  ['-', 'only a sign'],
  ['_1', 'begins with an underscore'],
  ['100m', 'a quantity'],
])('%j stays a text: %s', (text) => {
  expect(resolvePlain(text)).toBe(text)
})

test('tags decide about the type, and unknown tags leave the text', () => {
  expect(resolveTagged('0400', 'tag:yaml.org,2002:str')).toBe('0400')
  expect(resolveTagged('0400', 'tag:yaml.org,2002:int')).toBe(256)
  expect(resolveTagged('aGVsbG8=', 'tag:yaml.org,2002:binary')).toBe('hello')
  expect(resolveTagged('yes', '!custom')).toBe('yes')
  expect(() => resolveTagged('x', 'tag:yaml.org,2002:int')).toThrow('"x" is tagged as a whole number')
})
