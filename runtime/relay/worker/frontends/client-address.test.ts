/**
 * Attack: a visitor sends `X-Forwarded-For` itself, to pass an access list or to get another's share. Only what
 * configured fronts appended counts.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseRanges } from '../../ranges.ts'
import { clientAddress, type FrontsHeader, isIn, plainAddress } from './client-address.ts'

const FRONTS = parseRanges('10.0.0.0/8, fd00::/8')

const through = (peer: string | undefined, value?: string, header: FrontsHeader = 'x-forwarded-for') =>
  clientAddress(peer, { get: (name) => (name === header ? value : undefined) }, { fronts: FRONTS, header })

test.each([
  ['a direct visitor', '203.0.113.7', undefined, '203.0.113.7'],
  ['a direct visitor who forges the field', '203.0.113.7', '198.51.100.1', '203.0.113.7'],
  ['a front without the field', '10.0.0.1', undefined, '10.0.0.1'],
  ['one front', '10.0.0.1', '203.0.113.7', '203.0.113.7'],
  ['one front, and a forged list', '10.0.0.1', '1.1.1.1, 10.9.9.9, 203.0.113.7', '203.0.113.7'],
  ['two fronts', '10.0.0.1', '203.0.113.7, 10.0.0.2', '203.0.113.7'],
  ['fronts alone', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ['a front that appends no address', '10.0.0.1', '203.0.113.7, unknown', '10.0.0.1'],
  ['an empty field', '10.0.0.1', '', '10.0.0.1'],
  ['a port', '10.0.0.1', '203.0.113.7:4711', '203.0.113.7'],
  ['IPv6', '10.0.0.1', '2001:DB8::1', '2001:db8::1'],
  ['IPv6 in brackets with a port', '10.0.0.1', '[2001:db8::1]:4711', '2001:db8::1'],
  ['IPv4-mapped IPv6', '::ffff:10.0.0.1', '::ffff:203.0.113.7', '203.0.113.7'],
  ['a front of IPv6', 'fd00::1', '203.0.113.7', '203.0.113.7'],
  ['no address', undefined, '203.0.113.7', undefined],
])('%s', (_what, peer, value, client) => {
  expect(through(peer, value)).toBe(client)
})

test.each([
  ['for=203.0.113.7', '203.0.113.7'],
  ['for=1.1.1.1, For="203.0.113.7:4711";proto=https;by=10.0.0.1', '203.0.113.7'],
  ['proto=https;for="[2001:db8::1]:4711"', '2001:db8::1'],
  ['for=203.0.113.7, for=10.0.0.2', '203.0.113.7'],
  ['for="1.1.1.1, for=2.2.2.2", for=203.0.113.7', '203.0.113.7'],
  ['for=203.0.113.7, proto=http', '10.0.0.1'],
  ['for=_hidden', '10.0.0.1'],
  ['for=unknown', '10.0.0.1'],
])('Forwarded: %s', (value, client) => {
  expect(through('10.0.0.1', value, 'forwarded')).toBe(client)
})

test('only the configured field counts', () => {
  const get = (name: string) => (name === 'forwarded' ? 'for=1.1.1.1' : '203.0.113.7')
  const read = (header: FrontsHeader) => clientAddress('10.0.0.1', { get }, { fronts: FRONTS, header })
  expect(read('x-forwarded-for')).toBe('203.0.113.7')
  expect(read('forwarded')).toBe('1.1.1.1')
  expect(read('none')).toBe('10.0.0.1')
})

test('IPv4-mapped addresses are those of IPv4, in any spelling', () => {
  for (const text of [
    '::ffff:203.0.113.7',
    '::FFFF:cb00:7107',
    '0:0:0:0:0:ffff:203.0.113.7',
    '::ffff:203.0.113.7%eth0',
  ])
    expect(plainAddress(text)).toBe('203.0.113.7')
  expect(plainAddress('2001:db8::ffff:203.0.113.7')).not.toBe('203.0.113.7')
  expect(isIn(parseRanges('203.0.113.0/24'), '::ffff:203.0.113.7')).toBe(true)
  expect(isIn(parseRanges('2001:db8::/32'), '2001:db8::7')).toBe(true)
})

test('whatever a visitor puts before it, the address that the front appended counts', () => {
  fc.assert(
    fc.property(fc.string(), fc.ipV4(), (forged, address) => {
      fc.pre(!isIn(FRONTS, address))
      expect(through('10.0.0.1', `${forged}, ${address}`)).toBe(address)
      expect(through('203.0.113.7', `${forged}, ${address}`)).toBe('203.0.113.7')
    }),
  )
})
