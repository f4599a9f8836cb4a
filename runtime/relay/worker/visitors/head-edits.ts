import { requestedTrace, EXPLAIN_HEADER } from '@branchline/wire/explain'
import type { Head } from '../../../proxy/head.ts'
import {
  type Field,
  type FieldEdits,
  type KeyEditOptions,
  KeyEdits,
  refusedTrailers as refused,
} from '../../../visitor/key-edits.ts'

export interface EditOptions extends KeyEditOptions {
  /** The scheme of visitors' requests, `http` or `https`. */
  readonly scheme: string
  /** Whether a visitor may ask for the path of its request. Default: false. */
  readonly explain?: boolean
}

/** The part of a request on which its edits depend. */
type Sent = Pick<Head, 'get' | 'host' | 'entries'>

/** Fields about visitors. The relay removes them from every request, and writes its own. */
const FORWARDED = { remove: ['x-real-ip'], removePrefix: ['x-forwarded-'] }
const FOREIGN_PREFIXES = [...FORWARDED.removePrefix, 'x-branchline-']

/**
 * The trailers that the relay refuses, by their names in lower case: the fields that it writes or removes in the head,
 * in any trace mode, because an app may treat trailers as headers.
 */
export const refusedTrailers = (header: string | undefined): ((name: string) => boolean) =>
  refused(header, { names: [...FORWARDED.remove, 'forwarded'], prefixes: FORWARDED.removePrefix })

/**
 * The edits of visitors' requests for one preview before they enter a cluster. A request carries only the preview's key,
 * and the relay writes the forwarded fields itself (`x-forwarded-*`, RFC 7239).
 */
export class VisitorEdits {
  readonly #key: KeyEdits
  readonly #options: EditOptions

  constructor(key: string, options: EditOptions) {
    this.#key = new KeyEdits(key, options)
    this.#options = options
  }

  /** The edits of one request from an address. `scheme` is that of its connection. Default: that of the options. */
  of(head: Sent, remoteAddress: string | undefined, scheme = this.#options.scheme): FieldEdits {
    const { explain } = this.#options
    const { set, remove, removePrefix } = this.#key.of(head)
    const fields: Field[] = [...set, ...forwardedFields(head, remoteAddress, scheme)]
    const question = explain === true ? explainQuestion(head.get(EXPLAIN_HEADER)) : undefined
    if (question !== undefined) fields.push([EXPLAIN_HEADER, question])
    return {
      set: fields,
      remove: [...remove, ...FORWARDED.remove],
      removePrefix: [...removePrefix, ...FORWARDED.removePrefix],
    }
  }
}

/** The edits of a request to a target that is no service of a cluster: only the forwarded fields, and none of ours. */
export const forwardedEdits = (
  head: Sent,
  remoteAddress: string | undefined,
  scheme: string,
  { header }: Pick<EditOptions, 'header'>,
): FieldEdits => ({
  set: forwardedFields(head, remoteAddress, scheme),
  remove: header === undefined ? FORWARDED.remove : [...FORWARDED.remove, header],
  removePrefix: FOREIGN_PREFIXES,
})

function forwardedFields({ host }: Sent, remoteAddress: string | undefined, scheme: string): Field[] {
  const address = remoteAddress ?? 'unknown'
  return [
    ['x-forwarded-for', address],
    ['x-forwarded-proto', scheme],
    ['x-forwarded-host', host],
    ['forwarded', `for=${forwardedNode(address)};host="${host}";proto=${scheme}`],
  ]
}

/** The explain field of a visitor. Only the question passes, because a visitor's path is not one that sidecars wrote. */
function explainQuestion(value: string | undefined): string | undefined {
  return value === '1' || (value !== undefined && requestedTrace(value) !== undefined) ? value : undefined
}

/** The node of a forwarded field. RFC 7239, 6: IPv6 is put in brackets and quoted. */
const forwardedNode = (address: string): string => (address.includes(':') ? `"[${address}]"` : address)
