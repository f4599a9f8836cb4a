import { Writable } from 'node:stream'
import { printableLine } from '@branchline/runtime/local/printable'

/** What a line of the log has besides its fields. */
const KNOWN = new Set(['level', 'time', 'component', 'name', 'msg', 'err'])
const ERROR_LEVEL = 50

/** A stream that writes the JSON lines of a log as sentences for people. */
export const readableLog = (to: NodeJS.WritableStream): Writable =>
  new Writable({
    decodeStrings: false,
    write(lines: string, _encoding, done) {
      for (const line of lines.split('\n')) if (line !== '') to.write(`${sentenceOf(line)}\n`)
      done()
    },
  })

/** One line of the log as a sentence. A line that is no JSON stays. Pure. */
export function sentenceOf(line: string): string {
  try {
    const entry = JSON.parse(line) as Record<string, unknown>
    const { level, msg, err } = entry
    const fields = Object.entries(entry).filter(([name]) => !KNOWN.has(name))
    const texts = fields.map(
      ([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
    )
    const { message } = (err ?? {}) as { message?: string }
    const more = [...texts, ...(message === undefined ? [] : [message])].join(', ')
    const word = Number(level) >= ERROR_LEVEL ? 'error' : 'note'
    return printableLine(`${word}: ${String(msg)}${more === '' ? '' : ` (${more})`}`)
  } catch {
    return printableLine(line)
  }
}
