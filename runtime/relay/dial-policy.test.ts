import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DialPolicy, DialRefusedError, parseTargetAddress } from './dial-policy.ts'

const CLOSED = new DialPolicy()

test.each([
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'unspecified'],
  ['::', 'unspecified'],
  ['10.0.0.7', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'private'],
  ['fc00::1', 'private'],
  ['fdff:ffff::1', 'private'],
  ['fec0::1', 'private'],
  ['169.254.0.1', 'link-local'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['224.0.0.1', 'multicast'],
  ['ff02::1', 'multicast'],
  ['255.255.255.255', 'reserved'],
  ['198.18.0.1', 'reserved'],
  ['2001::1', 'reserved'],
  ['64:ff9b:1::a00:1', 'reserved'],
  ['169.254.169.254', 'metadata'],
  ['169.254.170.2', 'metadata'],
  ['100.100.100.200', 'metadata'],
  ['192.0.0.192', 'metadata'],
  ['168.63.129.16', 'metadata'],
  ['fd00:ec2::254', 'metadata'],
  ['FD00:0EC2:0:0::0254', 'metadata'],
  ['fd20:ce::254', 'metadata'],
  ['::ffff:169.254.169.254', 'metadata'],
  ['64:ff9b::a9fe:a9fe', 'metadata'],
  ['2002:a9fe:a9fe::1', 'metadata'],
])('%s is refused as %s', (address, reason) => {
  expect(CLOSED.refusal(address)).toBe(reason)
})

test.each([
  '8.8.8.8',
  '172.32.0.1',
  '172.15.255.255',
  '100.128.0.1',
  '192.0.1.1',
  '2606:4700::1',
  '9.255.255.255',
  '::ffff:8.8.8.8',
  '64:ff9b::808:808',
  '2002:808:808::1',
])('%s is public', (address) => {
  expect(CLOSED.refusal(address)).toBeUndefined()
})

describe('spellings of a host', () => {
  test.each([
    '127.1',
    '127.0.1',
    '0x7f.1',
    '0x7f000001',
    '0177.0.0.1',
    '2130706433',
    '127.0.0.1.',
    'localhost',
    'LOCALHOST',
    'app.localhost',
    'localhost.',
    '[::1]',
    '::1',
    '[::ffff:7f00:1]',
    '[::ffff:127.0.0.1]',
    '[::7f00:1]',
    '[64:ff9b::127.0.0.1]',
    '[2002:7f00:1::]',
    '[::ffff:0:7f00:1]',
  ])('%s is loopback', (host) => {
    expect(CLOSED.refusalOfHost(host)).toMatchObject({ code: 'BL_DIAL_REFUSED', reason: 'loopback' })
  })

  test.each(['example.com', 'db', 'localhost.example.com', 'notlocalhost', '8.8.8.8', '[2606:4700::1]'])(
    '%s may be named',
    (host) => {
      expect(CLOSED.refusalOfHost(host)).toBeUndefined()
    },
  )
})

test('the error says what the address is and how to allow it', () => {
  expect(CLOSED.refusalOfHost('10.0.0.7')?.message).toBe(
    '10.0.0.7 is a private address: the relay connects to it only if a range of --allow-targets contains it',
  )
  expect(CLOSED.refusalOfHost('localhost')?.message).toContain('localhost is 127.0.0.1, a loopback address')
  expect(new DialRefusedError('a.example', '169.254.169.254', 'metadata').message).toContain(
    '--allow-targets names exactly 169.254.169.254',
  )
})

const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))

test('every form of IPv6 that contains an IPv4 address is judged as that address', () => {
  fc.assert(
    fc.property(octets, ([a, b, c, d]) => {
      const plain = `${a}.${b}.${c}.${d}`
      const reason = CLOSED.refusal(plain)
      const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
      expect(CLOSED.refusal(`::ffff:${plain}`)).toBe(reason)
      expect(CLOSED.refusal(`::ffff:${hex}`)).toBe(reason)
      expect(CLOSED.refusal(`64:ff9b::${plain}`)).toBe(reason)
      expect(CLOSED.refusal(`2002:${hex}::1`)).toBe(reason)
    }),
  )
})

test('every numeric spelling of an IPv4 address is judged as that address', () => {
  fc.assert(
    fc.property(octets, ([a, b, c, d]) => {
      const reason = CLOSED.refusal(`${a}.${b}.${c}.${d}`)
      const number = ((a * 256 + b) * 256 + c) * 256 + d
      for (const host of [
        String(number),
        `0x${number.toString(16)}`,
        `${a}.${b}.${c * 256 + d}`,
        `0${a.toString(8)}.0x${b.toString(16)}.${c}.${d}`,
      ])
        expect(CLOSED.refusalOfHost(host)?.reason).toBe(reason)
    }),
  )
})

describe('allowed ranges', () => {
  const open = new DialPolicy(['10.0.0.0/8', '127.0.0.1', 'fd00::/8', '169.254.0.0/16'])

  test('an entry opens its range, also in its IPv4-mapped form', () => {
    for (const address of ['10.1.2.3', '127.0.0.1', '::ffff:10.1.2.3', 'fd00::1', '169.254.1.1'])
      expect(open.refusal(address)).toBeUndefined()
    expect(open.refusal('127.0.0.2')).toBe('loopback')
    expect(open.refusal('192.168.0.1')).toBe('private')
  })

  test('a range does not open a metadata service that is in it', () => {
    expect(open.refusal('169.254.169.254')).toBe('metadata')
    expect(open.refusal('fd00:ec2::254')).toBe('metadata')
    expect(new DialPolicy(['0.0.0.0/0', '::/0']).refusal('169.254.169.254')).toBe('metadata')
    expect(new DialPolicy(['169.254.169.254']).refusal('169.254.169.254')).toBeUndefined()
    expect(new DialPolicy(['fd00:ec2::254/128']).refusal('fd00:ec2::254')).toBeUndefined()
  })

  test('a bad entry is refused', () => {
    for (const entry of ['10.0.0.0/33', '10.0.0', 'x', '10.0.0.0/8/8', 'fd00::/129'])
      expect(() => new DialPolicy([entry])).toThrow(JSON.stringify(entry))
  })
})

test('the address of a target is split into host and port', () => {
  expect(parseTargetAddress('10.0.0.7:8888')).toEqual({ host: '10.0.0.7', port: 8888 })
  expect(parseTargetAddress('[2001:db8::7]:22')).toEqual({ host: '2001:db8::7', port: 22 })
})
