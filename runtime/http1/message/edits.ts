import type { HeadEdits } from '../../proxy/decision.ts'
import { type Fields, isForOneHop, KIND, nextLine, STRIDE } from './fields.ts'
import { checkField, checkTarget, isAuthority, isSameField } from '../../proxy/grammar.ts'
import type { RequestHead, ResponseHead } from './head.ts'

/**
 * Returns the head to send upstream: as received, without the fields for one hop, with the edits, in origin form and as
 * HTTP/1.1. HTTP/1.0 without a Host stays HTTP/1.0, because no Host would be true. `via` is our Via field line, or
 * empty. Throws a RangeError for an edit that is not a header field.
 */
export function writeRequestHead(head: RequestHead, edits: HeadEdits | undefined, via = ''): string {
  const host = edits?.host ?? (head.absolute ? head.host : undefined)
  const line = requestLine(head, edits)
  const writer = new Writer(head, line === undefined ? 0 : head.from)
  if (line !== undefined) writer.text = line
  if (host !== undefined) {
    if (!isAuthority(host))
      throw new RangeError(`host ${JSON.stringify(host)}: not a host with an optional port`)
    writer.text += `host: ${host}\r\n`
  }
  const { at } = head
  for (let i = 0; i < at.length; i += STRIDE) {
    const kind = at[i + 4] as number
    const drop =
      kind === KIND.plain
        ? edits !== undefined && isEdited(head, i, edits)
        : (kind === KIND.host && host !== undefined) ||
          isForOneHop(kind) ||
          (kind === KIND.upgrade && head.upgrade === undefined) ||
          (kind === KIND.expect && head.version === 10)
    if (drop) writer.drop(i)
  }
  return writer.end(edits, via + ownFields(head))
}

const NO_EDITS: HeadEdits = {}

/** Returns the request line, or undefined if it is as received. */
function requestLine(head: RequestHead, { target, host }: HeadEdits = NO_EDITS): string | undefined {
  const isOld = head.version === 10 && head.hostless && host === undefined
  const isNew = target !== undefined || host !== undefined || head.absolute
  if (target !== undefined) checkTarget(target)
  if (!isNew && (head.version !== 10 || isOld)) return undefined
  return `${head.method} ${target ?? head.target} HTTP/1.${isOld ? 0 : 1}\r\n`
}

/** Returns the fields for one hop that are repeated for the next hop. */
function ownFields(head: RequestHead): string {
  if (head.upgrade === undefined && !head.trailers && head.maxForwards < 0) return ''
  const options = [head.upgrade === undefined ? '' : 'upgrade', head.trailers ? 'te' : ''].filter(Boolean)
  let text = options.length === 0 ? '' : `connection: ${options.join(', ')}\r\n`
  if (head.trailers) text += 'te: trailers\r\n'
  if (head.maxForwards > 0) text += `max-forwards: ${head.maxForwards - 1}\r\n`
  return text
}

/** How to write a response's head. */
export interface ResponseShape {
  readonly edits?: HeadEdits | undefined
  /** The value of our Connection field. Empty: no such field. */
  readonly connection: '' | 'close' | 'keep-alive' | 'upgrade'
  /** True if the chunks are decoded, for a client of HTTP/1.0. */
  readonly dechunk: boolean
}

/** Returns the head to send to the client: as received, without the fields for one hop, with the edits. */
export function writeResponseHead(head: ResponseHead, shape: ResponseShape): string {
  const writer = new Writer(head, head.version === 10 ? 8 : 0)
  if (head.version === 10) writer.text = 'HTTP/1.1'
  // RFC 9112, 6.1 and RFC 9110, 8.6: these carry neither a length nor a coding.
  const unframed = head.status < 200 || head.status === 204
  const upgrades = head.status === 101 || head.status === 426
  const { at } = head
  for (let i = 0; i < at.length; i += STRIDE) {
    const kind = at[i + 4] as number
    const drop =
      kind === KIND.plain
        ? shape.edits !== undefined && isEdited(head, i, shape.edits)
        : isForOneHop(kind) ||
          (kind === KIND.contentLength && unframed) ||
          (kind === KIND.transferEncoding && (unframed || shape.dechunk)) ||
          (kind === KIND.upgrade && !upgrades)
    if (drop) writer.drop(i)
  }
  const { connection } = shape
  if (head.status === 426)
    return writer.end(shape.edits, `connection: upgrade${connection === '' ? '' : `, ${connection}`}\r\n`)
  return writer.end(shape.edits, connection === '' ? '' : `connection: ${connection}\r\n`)
}

/** Copies a head's text in the longest runs without dropped lines. */
class Writer {
  text = ''
  readonly #fields: Fields
  #runFrom: number

  constructor(fields: Fields, from: number) {
    this.#fields = fields
    this.#runFrom = from
  }

  drop(index: number): void {
    const lineFrom = this.#fields.at[index] as number
    if (lineFrom > this.#runFrom) this.text += this.#fields.text.slice(this.#runFrom, lineFrom)
    this.#runFrom = nextLine(this.#fields, index)
  }

  end(edits: HeadEdits | undefined, last: string): string {
    const { text } = this.#fields
    let out = this.text + text.slice(this.#runFrom, text.length - 2)
    if (edits?.set !== undefined) out += linesOf(edits.set)
    if (edits?.add !== undefined) out += linesOf(edits.add)
    return `${out}${last}\r\n`
  }
}

function linesOf(fields: readonly (readonly [name: string, value: string])[]): string {
  let text = ''
  for (const field of fields) {
    checkField(field[0], field[1])
    text += `${field[0]}: ${field[1]}\r\n`
  }
  return text
}

/** True if the edits name this field, or a field that a server may read as it. */
function isEdited(fields: Fields, index: number, edits: HeadEdits): boolean {
  const { text, at } = fields
  const from = at[index] as number
  const to = at[index + 1] as number
  if (edits.remove !== undefined) {
    for (const name of edits.remove) if (isSameField(text, from, to, name)) return true
  }
  if (edits.set !== undefined) {
    for (const field of edits.set) if (isSameField(text, from, to, field[0])) return true
  }
  if (edits.removePrefix !== undefined) {
    for (const prefix of edits.removePrefix) {
      if (to - from >= prefix.length && isSameField(text, from, from + prefix.length, prefix)) return true
    }
  }
  return false
}
