import { ID_HEADERS } from './id-headers.ts'

/** The most characters of the configured header's name, so that it is known in trailers too. */
export const MAX_KEY_HEADER_LENGTH = 63

/** Fields that route, frame or authenticate a message, or that Branchline writes itself. */
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
 * The name of the header that carries a key too (BRANCHLINE_HEADER), in lower case; undefined for an empty text. The
 * relay, sidecars, constructs and the command line read it by this rule. Letters, digits and hyphens alone: servers
 * take other characters of a name for one another. Throws a RangeError that says what is wrong.
 */
export function parseKeyHeader(text: string): string | undefined {
  if (text === '') return undefined
  const name = text.toLowerCase()
  if (name.length > MAX_KEY_HEADER_LENGTH || !/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(name)) {
    throw new RangeError(
      `${JSON.stringify(text)}: wanted the name of a header, such as kubernetes-route-as: letters, digits and ` +
        `inner hyphens, at most ${MAX_KEY_HEADER_LENGTH}`,
    )
  }
  if (TAKEN.has(name) || TAKEN_PREFIXES.some((prefix) => name.startsWith(prefix))) {
    throw new RangeError(`${JSON.stringify(text)}: this header has a meaning of its own; choose another name`)
  }
  return name
}
