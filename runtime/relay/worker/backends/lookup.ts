import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { type DialPolicy, DialRefusedError } from '../../dial-policy.ts'

/** Resolves a host name to all of its addresses, or rejects. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>

const resolveBySystem: Resolve = (host) =>
  new Promise((resolve, reject) => {
    systemLookup(host, { all: true }, (error, addresses) =>
      error === null ? resolve(addresses) : reject(error),
    )
  })

/** Resolutions that are running, so that many dials of one host ask once. */
const running = new Map<string, Promise<readonly LookupAddress[]>>()

/** A lookup for `net.connect` that gives only the addresses of `host` that the policy permits. */
export function judgingLookup(
  host: string,
  policy: DialPolicy,
  resolve: Resolve = resolveBySystem,
): LookupFunction {
  return (_name, options, answer) => {
    permitted(host, policy, resolve).then(
      (addresses) => {
        if (options.all === true) return answer(null, [...addresses])
        const [{ address, family }] = addresses as [LookupAddress]
        answer(null, address, family)
      },
      (error: Error) => answer(error, ''),
    )
  }
}

async function permitted(
  host: string,
  policy: DialPolicy,
  resolve: Resolve,
): Promise<readonly LookupAddress[]> {
  const addresses = await addressesOf(host, resolve)
  const allowed = addresses.filter(({ address }) => policy.refusal(address) === undefined)
  if (allowed.length > 0) return allowed
  const [first] = addresses
  const reason = first && policy.refusal(first.address)
  if (first === undefined || reason === undefined) throw new Error(`${host} has no address`)
  throw new DialRefusedError(host, first.address, reason)
}

function addressesOf(host: string, resolve: Resolve): Promise<readonly LookupAddress[]> {
  const family = isIP(host)
  if (family !== 0) return Promise.resolve([{ address: host, family }])
  const known = running.get(host)
  if (known !== undefined) return known
  const asked = resolve(host).finally(() => running.delete(host))
  running.set(host, asked)
  return asked
}
