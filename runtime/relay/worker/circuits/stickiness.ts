import { createHash } from 'node:crypto'
import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import type { Head } from '../../../proxy/head.ts'
import { addressGroup } from '../../../process/address-group.ts'

/**
 * The name of a circuit's cookie. With TLS, a browser accepts it only from this very host. Ports of one host share
 * cookies, so the cookies of a port circuit name its port.
 */
function cookieName({ frontend }: Pick<DeployedCircuit, 'frontend'>, secure: boolean): string {
  const suffix = frontend.type === 'port' ? `-${frontend.port}` : ''
  return `${secure ? '__Host-' : ''}${MARK}${suffix}`
}

const MARK = 'branchline-target'
const OURS = /^(?:__Host-)?branchline-target(?:-\d{1,5})?$/

/** The value of the cookie for a target: it tells nothing about the target, and differs between circuits. */
export const stickyValue = (circuit: string, target: string): string =>
  createHash('sha256').update(`${circuit}\n${target}`).digest('base64url').slice(0, 22)

/** The value of our cookie in a request. Undefined if there is none. */
export function stickyValueIn(
  head: Pick<Head, 'get'>,
  circuit: Pick<DeployedCircuit, 'frontend'>,
  secure: boolean,
): string | undefined {
  const sent = head.get('cookie')
  if (sent === undefined || !sent.includes(MARK)) return undefined
  const wanted = cookieName(circuit, secure)
  for (const pair of sent.split(/[;,] */)) {
    const [name, value] = split(pair)
    if (name === wanted) return value
  }
  return undefined
}

/** Our cookie for a response of a target. The session of the browser ends it. */
export const stickyCookie = (
  circuit: Pick<DeployedCircuit, 'id' | 'frontend'>,
  target: string,
  secure: boolean,
): string =>
  `${cookieName(circuit, secure)}=${stickyValue(circuit.id, target)}; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`

/**
 * Cookie fields without our cookie, whose other bytes stay as they are. Undefined if our cookie is in none of them. A
 * field in which nothing is left is left out.
 */
export function cookiesWithoutOurs(values: readonly string[]): string[] | undefined {
  if (!values.some((value) => value.includes(MARK))) return undefined
  return values.map((value) => withoutOurs(value)).filter((value) => value !== '')
}

/** Whether a request may contain our cookie. */
export const mayHaveOurs = (head: Pick<Head, 'get'>): boolean => head.get('cookie')?.includes(MARK) === true

function withoutOurs(value: string): string {
  const pairs = value.split(';')
  const kept = pairs.filter((pair) => !OURS.test(split(pair)[0]))
  if (kept.length === pairs.length) return value
  const text = kept.join(';')
  // If the first pair was ours, the blank before the second one is left over.
  return OURS.test(split(pairs[0] as string)[0]) ? text.trimStart() : text
}

function split(pair: string): [name: string, value: string] {
  const at = pair.indexOf('=')
  return at === -1 ? ['', ''] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
}

/**
 * The target of an address (rendezvous hashing): each address prefers each target to some degree, so a change of the
 * targets moves only the addresses of the target that came or went. IPv6 counts by /64.
 */
export function targetOfAddress<T extends { readonly id: string }>(
  address: string | undefined,
  targets: readonly T[],
): T | undefined {
  const seed = hash(0x811c9dc5, addressGroup(address))
  let best: T | undefined
  let highest = -1
  for (const target of targets) {
    const score = mix(hash(seed, target.id))
    if (score > highest) {
      highest = score
      best = target
    }
  }
  return best
}

/** FNV-1a. */
function hash(seed: number, text: string): number {
  let value = seed
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return value
}

/** The finalizer of MurmurHash3, because the last characters of FNV-1a hardly change the high bits. */
function mix(hashed: number): number {
  let value = hashed
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
