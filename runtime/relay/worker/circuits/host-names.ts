import { hostOf, labelOf } from '../../../visitor/host.ts'

/** What an authority names: a label below the domain, or a complete host name. Neither, if it is no host name. */
export interface HostName {
  readonly label?: string | undefined
  readonly name?: string | undefined
}

/** The maximum authorities to remember. Clients choose them. */
const MAX_REMEMBERED = 4_096

/** Reads authorities (RFC 9110, 7.2), and remembers them, because most requests name one that was read before. */
export class HostNames {
  readonly #domain: string
  readonly #known = new Map<string, HostName>()

  constructor(domain: string) {
    this.#domain = domain
  }

  of(authority: string): HostName {
    const known = this.#known.get(authority)
    if (known !== undefined) return known
    const label = labelOf(authority, this.#domain)
    const host = label === undefined ? hostOf(authority) : `${label}.${this.#domain}`
    const read = { label, name: host?.includes('.') === true ? host : undefined }
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear()
    if (authority.length <= MAX_AUTHORITY) this.#known.set(authority, read)
    return read
  }
}

/** Longer ones name no host. */
const MAX_AUTHORITY = 260
