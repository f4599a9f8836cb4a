/**
 * How a browser gets access to one circuit (docs/decisions, 0103). The circuit's host sends it to the relay's own host
 * ({@link enterUrl}), which knows who the user is and sends it back with a one-time code ({@link comeBackUrl}). Both
 * ends build and read these URLs here.
 */

/** Paths of a circuit's host that belong to the relay. They never reach the app. */
export const CIRCUIT_PATHS = {
  prefix: '/-branchline/',
  enter: '/-branchline/enter',
  leave: '/-branchline/leave',
  /** Followed by the circuit's key, each part percent-encoded. */
  tcp: '/-branchline/tcp/',
} as const

/** The path on the relay's own host at which a user proves the right to a circuit. */
export const RELAY_ENTER_PATH = '/-/enter'

/** The largest form of that page, in bytes. */
export const ENTER_FORM_BYTES = 4_096

/**
 * The field in which a worker names the address of a visitor whose request it passes on to a coordinator. It counts only
 * with the worker's credential in `Authorization`.
 */
export const VISITOR_HEADER = 'x-branchline-visitor'

/**
 * Whether a request target leads to a page of the relay's own host that only coordinators have. Anything that a server
 * could read as another path does not: no other path of the API can be reached there.
 */
export const isCoordinatorPage = (target: string): boolean =>
  target === RELAY_ENTER_PATH || target.startsWith(`${RELAY_ENTER_PATH}?`)

/** The field in which clients send an access token if `Authorization` belongs to the app. */
export const ACCESS_HEADER = 'x-branchline-token'
/** The query parameter in which a link carries an access token. */
export const ACCESS_QUERY = 'branchline-token'

/** The longest path to which a browser returns, in characters. */
const MAX_RETURN = 2_048

/** What a circuit's host asks of the relay's own host. */
export interface EnterRequest {
  /** The id of the circuit. */
  readonly circuit: string
  /**
   * The host name that the browser opened, in lower case, without its port. It must be one of the circuit's, and the code
   * is bound to it. The browser comes back to the port of the relay's public URL, so that no other server of a machine
   * can get a code.
   */
  readonly host: string
  /** The path to which the browser returns, see {@link localPath}. */
  readonly returnTo: string
  /** Proves that the browser which comes back is the one that left: passed back unchanged. */
  readonly state: string
}

/** What the relay's own host sends back. */
export interface ComeBack extends Pick<EnterRequest, 'returnTo' | 'state'> {
  readonly code: string
}

/** The URL on the relay's own host (its public URL) that a browser opens to get access. */
export function enterUrl(relay: string, { circuit, host, returnTo, state }: EnterRequest): string {
  const query = new URLSearchParams({ circuit, host, return: returnTo, state })
  return new URL(`${RELAY_ENTER_PATH}?${query.toString()}`, relay).href
}

/** Reads the query of {@link enterUrl}. Undefined if a part is missing, comes twice or is not of its form. */
export function readEnter(query: URLSearchParams): EnterRequest | undefined {
  const circuit = single(query, 'circuit', /^[A-Za-z0-9-]{1,64}$/)
  const host = single(query, 'host', /^[a-z0-9.-]{1,253}$/)
  const state = single(query, 'state', STATE)
  if (circuit === undefined || host === undefined || state === undefined) return undefined
  return { circuit, host, state, returnTo: localPath(query.get('return') ?? '/') }
}

/** The URL on the circuit's host with which a browser comes back. `origin` is its scheme and authority. */
export function comeBackUrl(origin: string, { code, returnTo, state }: ComeBack): string {
  const query = new URLSearchParams({ code, return: returnTo, state })
  return new URL(`${CIRCUIT_PATHS.enter}?${query.toString()}`, origin).href
}

/** Reads the query of {@link comeBackUrl}. Undefined if a part is missing, comes twice or is not of its form. */
export function readComeBack(query: URLSearchParams): ComeBack | undefined {
  const code = single(query, 'code', /^[A-Za-z0-9._~-]{16,256}$/)
  const state = single(query, 'state', STATE)
  if (code === undefined || state === undefined) return undefined
  return { code, state, returnTo: localPath(query.get('return') ?? '/') }
}

/** 256 bits in base64url. */
const STATE = /^[A-Za-z0-9_-]{43}$/

function single(query: URLSearchParams, name: string, form: RegExp): string | undefined {
  const [value, more] = query.getAll(name)
  return value !== undefined && more === undefined && form.test(value) ? value : undefined
}

/**
 * The path, with its query, if it leads back to the same origin in every browser. Otherwise `/`: for absolute URLs, `//`
 * and `/\` (another host), control characters and spaces (browsers remove them first), and the relay's own paths.
 */
export function localPath(text: string): string {
  const isPath = text.length <= MAX_RETURN && /^\/(?![/\\])[!-[\]-~]*$/.test(text)
  return isPath && !text.startsWith(CIRCUIT_PATHS.prefix) ? text : '/'
}
