import type { DeployedCircuit, DeployedTarget } from '@branchline/wire/circuits/table'
import type { HeadEdits } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import type { Field, FieldEdits } from '../../../visitor/key-edits.ts'
import { type EditOptions, forwardedEdits, VisitorEdits } from '../visitors/head-edits.ts'
import { cookiesWithoutOurs, mayHaveOurs } from './stickiness.ts'

/** The connection from which a request came. */
export interface Sender {
  readonly address: string | undefined
  /** Whether the visitor's connection uses TLS. */
  readonly secure: boolean
}

/** Fields that frame a message, name its receiver or concern one hop. A circuit cannot set them. */
const RESERVED = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'http2-settings',
  'cookie',
])

/** Whether a circuit may set this field in requests (`rewrite.headers`). */
const isRewritable = (name: string): boolean =>
  !RESERVED.has(name.toLowerCase()) && !/^x-branchline-/i.test(name)

/**
 * The edits of requests before they reach a target: one key for a cluster's service, the forwarded fields, and what the
 * circuit rewrites.
 */
export class RequestEdits {
  readonly #options: EditOptions
  readonly #key: VisitorEdits | undefined
  readonly #headers: readonly Field[]
  readonly #host: string | undefined
  readonly #prefix: string
  /** Whether requests may contain our cookie. */
  readonly #sticks: boolean
  /** Whether nothing is rewritten. */
  readonly #isPlain: boolean

  constructor(circuit: DeployedCircuit, target: DeployedTarget, options: EditOptions) {
    const { host, pathPrefix = '', headers = {} } = circuit.rewrite
    this.#options = options
    this.#key = target.cluster && new VisitorEdits(target.cluster.key, options)
    this.#headers = Object.entries(headers)
      .filter(([name]) => isRewritable(name))
      .map(([name, value]) => [name.toLowerCase(), value])
    this.#host = host === 'target' ? authorityOf(target) : undefined
    this.#prefix = pathPrefix
    this.#sticks = circuit.stickiness === 'cookie'
    this.#isPlain = this.#headers.length === 0 && this.#host === undefined && pathPrefix === ''
  }

  /** `more` are edits that were made before these, such as those of the access check. */
  of(head: Head, { secure, address }: Sender, more: HeadEdits): HeadEdits {
    const scheme = secure ? 'https' : 'http'
    const edits =
      this.#key === undefined
        ? forwardedEdits(head, address, scheme, this.#options)
        : this.#key.of(head, address, scheme)
    if (this.#isPlain && isCovered(more) && !(this.#sticks && mayHaveOurs(head))) return edits
    return this.#merged(edits, head, more)
  }

  /** With everything that most circuits do not need. Fields that the relay itself writes cannot be replaced. */
  #merged(edits: FieldEdits, head: Head, more: HeadEdits): HeadEdits {
    const set = [...edits.set, ...(more.set ?? [])]
    const headers = this.#headers.filter(([name]) => !set.some(([other]) => other === name))
    const cookies = this.#sticks ? cookiesWithoutOurs(cookiesOf(head, more)) : undefined
    const host = this.#host ?? more.host
    const target = more.target ?? head.target
    return {
      set:
        cookies === undefined
          ? [...set, ...headers]
          : [...set.filter(([name]) => name !== 'cookie'), ...headers, ...cookies.map(cookieField)],
      remove: [...edits.remove, ...(more.remove ?? []), ...(cookies === undefined ? [] : ['cookie'])],
      removePrefix: [...edits.removePrefix, ...(more.removePrefix ?? [])],
      ...(more.add !== undefined && { add: more.add }),
      ...(host !== undefined && { host }),
      // An OPTIONS request for the server itself (`*`) has no path.
      ...(target.startsWith('/') && { target: this.#prefix + target }),
    }
  }
}

/** Whether our edits do as much: they remove all fields of ours. */
const isCovered = ({ set, remove, target }: HeadEdits): boolean =>
  set === undefined && target === undefined && (remove === undefined || remove.every(isOurs))
const isOurs = (name: string): boolean => name.startsWith('x-branchline-')

const cookieField = (value: string): Field => ['cookie', value]

/** The Cookie fields of a request after the edits that were made before. */
function cookiesOf(head: Head, { set = [], remove = [] }: HeadEdits): string[] {
  const edited = set.filter(([name]) => name === 'cookie').map(([, value]) => value)
  if (edited.length > 0 || remove.includes('cookie')) return edited
  return head
    .entries()
    .filter(([name]) => name.toLowerCase() === 'cookie')
    .map(([, value]) => value)
}

/** The host and port of a target, as an app in front of which there is no relay would see it. */
const authorityOf = ({ address, cluster }: DeployedTarget): string | undefined =>
  address ?? (cluster && `${cluster.service}:${cluster.port}`)
