import { expect, test } from 'vitest'
import { type ConfigurationError, VariableReader } from './config.ts'

test('values are read, and defaults apply', () => {
  const read = new VariableReader({ PORT: '80', NAME: 'x', EMPTY: '' })
  expect(read.port('PORT', 1)).toBe(80)
  expect(read.text('NAME')).toBe('x')
  expect(read.text('EMPTY', 'y')).toBe('y')
  expect(read.choice('MODE', ['a', 'b'], 'b')).toBe('b')
  read.check()
})

test('every fault is reported, each with its variable and its value', () => {
  const read = new VariableReader({ PORT: '99999', MODE: 'c', LIST: 'x' })
  read.port('PORT', 1)
  read.text('NAME')
  read.choice('MODE', ['a', 'b'], 'b')
  read.parsed(
    'LIST',
    () => {
      throw new RangeError('not a list')
    },
    '',
  )
  const faults = [
    'PORT="99999": wanted a whole number from 0 to 65535',
    'NAME is missing: set it',
    'MODE="c": wanted one of a, b',
    'LIST: not a list',
  ]
  expect(() => read.check()).toThrow(expect.objectContaining<Partial<ConfigurationError>>({ faults }))
})
