import { CIRCUIT_PATHS } from '@branchline/wire/circuits/handoff'

/** The path of a target, as sent. */
const rawPath = (target: string): string => {
  const at = target.search(/[?#]/)
  return at === -1 ? target : target.slice(0, at)
}

/**
 * Whether a target is exempt by one of these patterns: exact paths, or with a `*` at the end all that begin alike. Upper
 * and lower case differ. A path that servers read differently is never exempt.
 */
export function isExempt(target: string, patterns: readonly string[]): boolean {
  const path = rawPath(target)
  const matches = (pattern: string): boolean =>
    pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
  return patterns.some(matches) && /^[!-~]+$/.test(path) && isPlain(path)
}

/** The most times that a server and the app behind it decode a path. */
const MAX_DECODINGS = 4

/**
 * Whether every server reads a path alike: however often it is decoded, it contains no dot segments, no empty segments,
 * no backslashes, no parameters (`;`), no encoded separators and no control characters, also in compatible forms
 * (Unicode, NFKC).
 */
function isPlain(path: string): boolean {
  let text = path
  for (let time = 0; time < MAX_DECODINGS; time++) {
    if (!isPlainText(text)) return false
    const decoded = decodeOnce(text)
    if (decoded === undefined || slashes(decoded) !== slashes(text)) return false
    if (decoded === text) return true
    text = decoded
  }
  return false
}

const slashes = (text: string): number => text.split('/').length

function decodeOnce(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function isPlainText(text: string): boolean {
  const compatible = text.normalize('NFKC')
  // oxlint-disable-next-line no-control-regex -- the pattern is for these characters
  const isOdd = /[\u0000-\u0020\u007f-\u00a0\\;?#]|\/\/|\/\.{1,2}(?:\/|$)/
  return slashes(compatible) === slashes(text) && !isOdd.test(text) && !isOdd.test(compatible)
}

/** Whether a target is one of the relay's own paths on a circuit's host, also if it is encoded. */
export function isOwnPath(target: string): boolean {
  if (!target.startsWith('/-') && !/^\/%2d/i.test(target)) return false
  const path = decodeOnce(rawPath(target)) ?? rawPath(target)
  return `${path.toLowerCase()}/`.startsWith(CIRCUIT_PATHS.prefix)
}
