import { ID_HEADERS } from './id-headers.ts'

/** The longest name of the configured header, in characters. The limit lets trailers be checked for the name too. */
export const MAX_KEY_HEADER_LENGTH = 63

/** Headers that route, frame or authenticate a message, or that Branchline writes. */
const TAKEN = new Set<string>([
  'host',
  'connection',
  'content-length',
  'content-type',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'keep-alive',
  'cookie',
  'authorization',
  'forwarded',
  'x-real-ip',
  'tracestate',
  'baggage',
  ...ID_HEADERS.map(([name]) => name),
])
const TAKEN_PREFIXES = ['x-branchline-', 'x-forwarded-', 'proxy-', 'sec-', 'x-b3-']

/**
 * Parses the name of the configured key header (BRANCHLINE_HEADER). Returns it in lower case, or undefined for an empty
 * text. The relay, sidecars, constructs and the command line use this rule. A name has only letters, digits and
 * hyphens, because servers confuse other characters with one another. Throws a RangeError that names the problem.
 */
export function parseKeyHeader(text: string): string | undefined {
  if (text === '') return undefined
  const name = text.toLowerCase()
  if (name.length > MAX_KEY_HEADER_LENGTH || !/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(name)) {
    throw new RangeError(
      `${JSON.stringify(text)}: wanted the name of a header, such as kubernetes-route-as: letters, digits and ` +
        `inner hyphens, at most ${MAX_KEY_HEADER_LENGTH} characters`,
    )
  }
  if (TAKEN.has(name) || TAKEN_PREFIXES.some((prefix) => name.startsWith(prefix))) {
    throw new RangeError(
      `${JSON.stringify(text)}: this header already has another meaning: choose another name`,
    )
  }
  return name
}
