/* oxlint-disable no-control-regex -- it searches for control characters */
// Text from manifests, files, processes and peers reaches a terminal, which obeys control characters: they can move the
// cursor, rename the window, or make text look like another (CVE-2021-42574). All our output passes through here.

/** C0 and C1 control characters, line separators, and marks that change the text direction. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** A text as one line that is safe on any terminal: unsafe characters become `\n`, `\t` or `\u001b`. */
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
 * A line of an app's output. Colours and tabs stay, because developers expect them. Other control sequences and
 * characters are removed, because several apps and a table share the screen. A colour ends with the line.
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

/** The same without colours, for places that are no terminal. */
export const plainLog = (line: string): string => withoutUnsafe(line.replace(SEQUENCE, ''))

const withoutUnsafe = (text: string): string =>
  text.replace(UNSAFE, (character) => (character === '\t' ? character : ''))
