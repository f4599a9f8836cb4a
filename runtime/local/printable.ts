/* oxlint-disable no-control-regex -- control characters are what it looks for */
// Text from manifests, files, processes and peers ends up on a terminal, which obeys control characters: they
// move the cursor, rename the window, or make text read as another one (CVE-2021-42574). All output of ours
// passes here.

/** C0 and C1 control characters, line separators, and marks that change the direction of writing. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** A text as one line that any terminal can show: unsafe characters become `\n`, `\t` or `\u001b`. */
export const printableLine = (text: string): string => text.replace(UNSAFE, escaped)

/** The same for a text of several lines. */
export const printable = (text: string): string => text.split('\n').map(printableLine).join('\n')

function escaped(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  if (character === '\r') return '\\r'
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Control sequences: CSI (ECMA-48, 5.4), and those with a text up to BEL or ST (8.3.89). */
const SEQUENCE =
  /\u001b\[[0-?]*[ -/]*[@-~]|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]/g
const COLOUR = /^\u001b\[[0-9;:]*m$/
const RESET = '\u001b[0m'

/**
 * A line that an app wrote: colours and tabs stay, as its developer expects; other control sequences and
 * characters go, since several apps and a table share the screen. A colour ends with the line.
 */
export function printableLog(line: string): string {
  let isColoured = false
  const parts: string[] = []
  let at = 0
  for (const { 0: sequence, index } of line.matchAll(SEQUENCE)) {
    parts.push(withoutUnsafe(line.slice(at, index)))
    at = index + sequence.length
    if (!COLOUR.test(sequence)) continue
    isColoured = true
    parts.push(sequence)
  }
  parts.push(withoutUnsafe(line.slice(at)))
  return parts.join('') + (isColoured ? RESET : '')
}

const withoutUnsafe = (text: string): string =>
  text.replace(UNSAFE, (character) => (character === '\t' ? character : ''))
