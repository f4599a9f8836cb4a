/** The longest line that is quoted, in characters. */
const MAX_LENGTH = 200

/** The line that names an error. A stack trace usually follows it. */
const ERROR = /^\S*(?:Error|error|Exception|fatal|FATAL|panic)\b.*:/
/** Control sequences of terminals, such as colours (ECMA-48, 5.4). */
// oxlint-disable-next-line no-control-regex -- the pattern is for these characters
const SEQUENCES = /\u001b\[[0-?]*[ -/]*[@-~]/g
/** Control characters, line separators, and marks that change the direction of text. */
// oxlint-disable-next-line no-control-regex -- the pattern is for these characters
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g
/** User and password of a URL. */
const CREDENTIALS = /(\/\/)[^\s/@:]*:[^\s/@]*@/g

/**
 * Returns the line of a program's last output that tells most about its end: the last one that names an error, otherwise
 * the last one. Without control characters, without passwords of URLs, and at most 200 characters. Undefined if there is
 * none.
 */
export function tellingLine(lines: readonly string[]): string | undefined {
  const clean = lines
    .map((line) => line.replaceAll(SEQUENCES, '').replaceAll(UNPRINTABLE, ' ').trim())
    .filter((line) => line !== '')
  const line = clean.findLast((line) => ERROR.test(line)) ?? clean.at(-1)
  if (line === undefined) return undefined
  const safe = line.replaceAll(CREDENTIALS, '$1…@')
  return safe.length <= MAX_LENGTH ? safe : `${safe.slice(0, MAX_LENGTH - 1)}…`
}
