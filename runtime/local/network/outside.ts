import { lookup as resolve } from 'node:dns'
import { BlockList, connect, isIP, type LookupFunction } from 'node:net'
import { connected, type Dial } from './dial.ts'

/** The addresses by which a machine reaches itself: RFC 1122 (3.2.1.3), RFC 4291 (2.5.2, 2.5.3). IPv6 also covers mapped IPv4. */
const OWN = new BlockList()
OWN.addSubnet('127.0.0.0', 8, 'ipv4')
OWN.addSubnet('0.0.0.0', 8, 'ipv4')
OWN.addAddress('::1', 'ipv6')
OWN.addAddress('::', 'ipv6')
/** IPv4-compatible addresses (deprecated), which some systems still take for IPv4. */
OWN.addSubnet('::', 96, 'ipv6')

/** Whether an IP address is one by which the machine reaches itself. */
export const isLoopback = (address: string): boolean =>
  OWN.check(address.replace(/%.*$/, ''), isIP(address) === 4 ? 'ipv4' : 'ipv6')

/**
 * Connects by TCP to a host outside of this machine, for processes in pods. Judges the address that the system dials, and
 * not the name, so that every spelling of loopback (`127.1`, `0x7f.1`, `::ffff:127.0.0.1`, a name that leads there) is
 * refused.
 */
export const dialOutside: Dial = ({ host, port }, timeoutMs) => {
  if (isIP(host) !== 0 && isLoopback(host)) return Promise.reject(notOutside(host))
  return connected(connect({ host, port, lookup, allowHalfOpen: true, noDelay: true }), host, port, timeoutMs)
}

const lookup: LookupFunction = (host, options, done) => {
  resolve(host, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return done(error, '')
    const first = addresses.find(({ address }) => !isLoopback(address))
    if (first === undefined || addresses.some(({ address }) => isLoopback(address)))
      return done(notOutside(host), '')
    return options.all === true ? done(null, [...addresses]) : done(null, first.address, first.family)
  })
}

const notOutside = (host: string): Error => new Error(`${host} is not outside: call it without a proxy`)
