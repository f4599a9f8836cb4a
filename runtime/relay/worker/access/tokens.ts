import { ACCESS_HEADER, ACCESS_QUERY } from '@branchline/wire/circuits/handoff'
import { TOKEN_PREFIX } from '@branchline/wire/circuits/tokens'
import type { Head } from '../../../proxy/head.ts'

/** The tokens of ours in a request, and the request without them. */
export interface SentTokens {
  readonly values: readonly string[]
  /** A token in the query. It is also in `values`. */
  readonly inQuery: string | undefined
  /** The target without the token. Undefined if the query has none. */
  readonly target: string | undefined
  /** The Authorization fields of the app. Undefined if none of the fields is ours. */
  readonly authorization: readonly string[] | undefined
}

const NONE: SentTokens = { values: [], inQuery: undefined, target: undefined, authorization: undefined }

const prefixes = Object.values(TOKEN_PREFIX).join('|')
/** An Authorization of ours, valid or not. */
const OUR_BEARER = new RegExp(`^Bearer[ \\t]+(?:${prefixes})`, 'i')
const TOKEN = new RegExp(`^(?:${TOKEN_PREFIX.access}|${TOKEN_PREFIX.key})[A-Za-z0-9_.-]{16,256}$`)

/** Finds the tokens of ours in a request: in Authorization, in a field of our own, and in the query. */
export function readTokens(head: Head): SentTokens {
  const authorization = head.get('authorization')
  const field = head.get(ACCESS_HEADER)
  const hasBearer = authorization !== undefined && authorization.includes('bl')
  const query = readQuery(head.target)
  if (!hasBearer && field === undefined && query === undefined) return NONE
  const bearers = hasBearer ? fieldsOf(head, 'authorization') : []
  const ours = bearers.filter((value) => OUR_BEARER.test(value))
  const sent = [...ours.map((value) => value.replace(/^Bearer[ \t]+/i, '')), field, query?.token]
  return {
    values: sent.filter((token) => token !== undefined),
    inQuery: query?.token,
    target: query?.target,
    authorization: ours.length === 0 ? undefined : bearers.filter((value) => !OUR_BEARER.test(value)),
  }
}

/** Whether a text has the form of an access token or an API key. */
export const isToken = (text: string): boolean => TOKEN.test(text)

const fieldsOf = (head: Head, wanted: string): string[] =>
  head
    .entries()
    .filter(([name]) => name.toLowerCase() === wanted)
    .map(([, value]) => value)

/** Takes the token out of a query. All other bytes stay. Undefined if there is none. */
function readQuery(target: string): { readonly token: string; readonly target: string } | undefined {
  const at = target.indexOf('?')
  if (at === -1) return undefined
  const parts = target.slice(at + 1).split('&')
  const others = parts.filter((part) => !isOurs(part))
  const first = parts.find((part) => isOurs(part))
  if (first === undefined) return undefined
  const rest = others.join('&')
  const path = target.slice(0, at)
  return {
    token: decode(first.slice(first.indexOf('=') + 1)),
    target: rest === '' && others.length === 0 ? path : `${path}?${rest}`,
  }
}

const isOurs = (part: string): boolean => {
  const [name = ''] = part.split('=', 1)
  return name === ACCESS_QUERY || (name.includes('%') && decode(name) === ACCESS_QUERY)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
