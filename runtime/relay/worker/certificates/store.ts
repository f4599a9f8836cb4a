import { createSecureContext, type SecureContext } from 'node:tls'
import type { Certificate } from './certificate.ts'
import { Selection } from './selection.ts'

export interface StoreOptions {
  /** The domain of previews; a certificate that covers it is the default. */
  readonly domain: string
  /** The maximum contexts that are kept. */
  readonly contexts: number
  readonly now: () => number
  /** Called when a context cannot be made. */
  readonly onFailure: (certificate: Certificate, error: Error) => void
}

/**
 * The certificates of all sources. A change affects the next handshakes. Connections keep what they have, because
 * OpenSSL copies the context into each connection.
 */
export class CertificateStore {
  readonly #options: StoreOptions
  readonly #sources = new Map<string, readonly Certificate[]>()
  /** By the id of the certificate, the least recently used one first. */
  readonly #contexts = new Map<string, SecureContext>()
  #standard: (certificate: Certificate) => boolean = () => false
  #selection: Selection

  constructor(options: StoreOptions) {
    this.#options = options
    this.#selection = this.#select()
  }

  /** Replaces all certificates of a source at once. `isStandard` tells the default one. */
  replace(
    source: string,
    certificates: readonly Certificate[],
    isStandard?: (certificate: Certificate) => boolean,
  ): void {
    this.#sources.set(source, certificates)
    if (isStandard !== undefined) this.#standard = isStandard
    this.refresh()
    const used = new Set(this.list().map(({ id }) => id))
    for (const id of this.#contexts.keys()) if (!used.has(id)) this.#contexts.delete(id)
  }

  /** Selects again, because the time has passed and a certificate may have expired. */
  refresh(): void {
    this.#selection = this.#select()
  }

  list(): Certificate[] {
    return [...this.#sources.values()].flat()
  }

  /** Returns the certificate that covers a name in lower case. */
  named(name: string): Certificate | undefined {
    return this.#selection.named(name)
  }

  /** The certificate for clients that name no host, or one that no certificate covers. */
  get standard(): Certificate | undefined {
    return this.#selection.standard
  }

  /** Returns the context of a certificate; undefined if OpenSSL refuses it. */
  contextOf(certificate: Certificate): SecureContext | undefined {
    const known = this.#contexts.get(certificate.id)
    if (known !== undefined) {
      this.#contexts.delete(certificate.id)
      this.#contexts.set(certificate.id, known)
      return known
    }
    let made: SecureContext
    try {
      made = createSecureContext({ cert: certificate.cert, key: certificate.key })
    } catch (error) {
      this.#options.onFailure(certificate, error as Error)
      return undefined
    }
    this.#contexts.set(certificate.id, made)
    if (this.#contexts.size > this.#options.contexts) {
      const [oldest] = this.#contexts.keys()
      if (oldest !== undefined) this.#contexts.delete(oldest)
    }
    return made
  }

  /** The number of contexts that are kept. */
  get contexts(): number {
    return this.#contexts.size
  }

  #select(): Selection {
    const { domain, now } = this.#options
    return new Selection(this.list(), { domain, nowMs: now(), isStandard: this.#standard })
  }
}
