import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import type { Head } from '../../../proxy/head.ts'

/** The cookies of one circuit. */
export interface CookieNames {
  readonly session: string
  /** Ties the handoff to the browser that began it. */
  readonly state: string
  readonly secure: boolean
}

/**
 * The names of a circuit's cookies. With TLS they have the prefix `__Host-`, so that no other host can set them (RFC
 * 6265bis, 4.1.3.2). Ports of one host share cookies, so the cookies of a port circuit name its port.
 */
export function cookieNames({ frontend }: Pick<DeployedCircuit, 'frontend'>, secure: boolean): CookieNames {
  const prefix = secure ? '__Host-branchline' : 'branchline'
  const suffix = frontend.type === 'port' ? `-${frontend.port}` : ''
  return { session: `${prefix}${suffix}`, state: `${prefix}-state${suffix}`, secure }
}

/** All cookies of ours, of any circuit. */
const OURS = /^(?:__host-)?branchline(?:-state)?(?:-\d{1,5})?$/i
/** 256 bits in base64url: the values that we set. */
const VALUE = /^[A-Za-z0-9_-]{43}$/
/** The most values of one name that are considered. */
const MAX_VALUES = 8

/** The cookies in a request. */
export interface SentCookies {
  /** Values of a name, if they have the form of ours. Another host may have planted further ones. */
  values(name: string): string[]
  /** The Cookie fields without our cookies. Undefined if there are none of ours. */
  readonly kept: readonly string[] | undefined
}

const NONE: SentCookies = { values: () => [], kept: undefined }

/** Reads the Cookie fields of a request. Other cookies stay as they are, byte for byte. */
export function readCookies(head: Head): SentCookies {
  const cookie = head.get('cookie')
  if (cookie === undefined || !/branchline/i.test(cookie)) return NONE
  const lines = linesOf(head)
  const ours: [name: string, value: string][] = []
  const kept: string[] = []
  for (const line of lines) {
    const others = line.split(';').filter((pair) => {
      const [name, value] = pairOf(pair)
      if (!OURS.test(name)) return true
      ours.push([name, value])
      return false
    })
    const rest = others.join(';').trim()
    if (rest !== '') kept.push(others.length === line.split(';').length ? line : rest)
  }
  if (ours.length === 0) return NONE
  const values = (wanted: string): string[] => {
    const found = ours
      .filter(([name, value]) => name === wanted && VALUE.test(value))
      .map(([, value]) => value)
    return [...new Set(found)].slice(0, MAX_VALUES)
  }
  return { values, kept }
}

/** Cookie fields. HTTP/2 may send each cookie in a field of its own, which is one field elsewhere (RFC 9113, 8.2.3). */
function linesOf(head: Head): string[] {
  const lines = head
    .entries()
    .filter(([name]) => name.toLowerCase() === 'cookie')
    .map(([, value]) => value)
  return head.version === 20 ? [lines.join('; ')] : lines
}

function pairOf(pair: string): [name: string, value: string] {
  const at = pair.indexOf('=')
  return at === -1 ? ['', pair.trim()] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
}

/** A Set-Cookie value (RFC 6265, 4.1). A `maxAgeSeconds` of 0 removes the cookie. */
export const setCookie = (name: string, value: string, maxAgeSeconds: number, secure: boolean): string =>
  `${name}=${value}; Path=/; Max-Age=${Math.max(0, Math.floor(maxAgeSeconds))}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
