import type { Authority } from '../../../authority/authority.ts'
import { type Certificate, readCertificate } from './certificate.ts'

export interface DevelopmentOptions {
  readonly authority: Pick<Authority, 'issue' | 'file'>
  readonly domain: string
  /** The maximum names that are kept. */
  readonly issued: number
  readonly now: () => number
}

/** A certificate is issued again when less than this is left, in milliseconds. */
const RENEW_MS = 7 * 86_400_000
/** What clients that name no host may connect to. */
const LOOPBACK = ['127.0.0.1', '::1']
const HOST = /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/

/** Certificates of the authority for development, issued at the first handshake for a name. */
export class DevelopmentCertificates {
  readonly #options: DevelopmentOptions
  /** By name, the least recently used one first. */
  readonly #issued = new Map<string, Certificate>()
  readonly #pending = new Map<string, Promise<Certificate>>()

  constructor(options: DevelopmentOptions) {
    this.#options = options
  }

  /** Returns whether certificates are issued for a name in lower case: for the domain, and for all names below it. */
  covers(name: string): boolean {
    const { domain } = this.#options
    return name.length <= 253 && HOST.test(name) && (name === domain || name.endsWith(`.${domain}`))
  }

  /** Returns the certificate of a name if it has been issued, and is valid for some days. */
  known(name: string): Certificate | undefined {
    const found = this.#issued.get(name)
    if (found === undefined || found.notAfterMs - this.#options.now() < RENEW_MS) return undefined
    this.#issued.delete(name)
    this.#issued.set(name, found)
    return found
  }

  /** Issues the certificate of a name. Calls at the same time share one. */
  issue(name: string): Promise<Certificate> {
    const pending = this.#pending.get(name) ?? this.#issue(name).finally(() => this.#pending.delete(name))
    this.#pending.set(name, pending)
    return pending
  }

  async #issue(name: string): Promise<Certificate> {
    const { authority, domain, issued, now } = this.#options
    const names = name === domain ? [name, ...LOOPBACK] : [name]
    const certificate = readCertificate(await authority.issue(names, now()), authority.file)
    this.#issued.set(name, certificate)
    if (this.#issued.size > issued) {
      const [oldest] = this.#issued.keys()
      if (oldest !== undefined) this.#issued.delete(oldest)
    }
    return certificate
  }
}
