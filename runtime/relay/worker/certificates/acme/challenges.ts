import type { CertificateVault } from './vault.ts'

/** The part of a vault for responses to challenges. */
const PATH = 'challenges'
/** The maximum tokens that no worker knows and that are not looked up again for a while. */
const UNKNOWN = 1_000
/** How long, in milliseconds. */
const UNKNOWN_MS = 1_000

/** Responses to HTTP-01 challenges. An authority may ask any worker, so they are in the vault. */
export class Challenges {
  readonly #vault: CertificateVault
  readonly #own = new Map<string, string>()
  readonly #unknownAtMs = new Map<string, number>()

  constructor(vault: CertificateVault) {
    this.#vault = vault
  }

  async add(token: string, response: string): Promise<void> {
    this.#own.set(token, response)
    await this.#vault.put(`${PATH}/${token}`, response)
  }

  async remove(token: string): Promise<void> {
    this.#own.delete(token)
    await this.#vault.delete(`${PATH}/${token}`)
  }

  /** Returns the response for a token of base64url; undefined if it is unknown. */
  async responseFor(token: string): Promise<string | undefined> {
    const own = this.#own.get(token)
    if (own !== undefined) return own
    const unknownAtMs = this.#unknownAtMs.get(token) ?? Number.NEGATIVE_INFINITY
    if (performance.now() - unknownAtMs < UNKNOWN_MS) return undefined
    const found = await this.#vault.get(`${PATH}/${token}`).catch(() => undefined)
    if (found !== undefined) return found
    if (this.#unknownAtMs.size >= UNKNOWN) this.#unknownAtMs.clear()
    this.#unknownAtMs.set(token, performance.now())
    return undefined
  }
}
