import type { Logger } from '../../../../process/log.ts'
import { type Certificate, type PemPair, readCertificate } from '../certificate.ts'
import { AcmeError } from './errors.ts'
import type { AcmeLimits } from './limits.ts'
import type { OrderLock } from './lock.ts'
import { failedAgain, isDue, type OrderFailure } from './schedule.ts'
import type { CertificateVault } from './vault.ts'

export interface AcmeOptions {
  /** The names for which a certificate is always ordered. */
  readonly names: readonly string[]
  /** Whether the relay serves a name, so that a certificate may be ordered for it at its first use. */
  readonly serves: (name: string) => boolean
  readonly vault: CertificateVault
  readonly lock: OrderLock
  readonly orders: { order(name: string, signal: AbortSignal): Promise<PemPair> }
  readonly limits: AcmeLimits
  readonly now: () => number
  readonly logger: Logger
  /** Called with all certificates of the vault, first at the start and then after each change. */
  readonly onChange: (certificates: readonly Certificate[]) => void
}

const CERTIFICATES = 'certificates'
const FAILURES = 'failures'

/**
 * Certificates that an ACME authority issues. They are ordered and renewed by the worker that holds the lock, and kept in
 * the vault, from which all workers read them.
 */
export class AcmeCertificates {
  readonly #options: AcmeOptions
  /** By name, with the text from which it was read. */
  #known = new Map<string, { readonly text: string; readonly certificate: Certificate }>()
  readonly #wanted: Set<string>
  #timer: NodeJS.Timeout | undefined
  #working: Promise<void> = Promise.resolve()
  #isWorking = false
  /** A name was added while it worked. */
  #again = false
  #begun = false
  readonly #stopping = new AbortController()

  constructor(options: AcmeOptions) {
    this.#options = options
    this.#wanted = new Set(options.names)
  }

  /** Reads the vault. */
  async start(): Promise<void> {
    await this.#refresh(true)
  }

  /** Orders from now on, in the background. The listener that answers challenges must be open. */
  begin(): void {
    this.#begun = true
    this.#plan(0)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    clearTimeout(this.#timer)
    await this.#working
  }

  /** A visitor has asked for a name without a certificate. One is ordered if the relay serves that name. */
  want(name: string): void {
    const { limits, names, serves } = this.#options
    if (this.#wanted.has(name) || this.#wanted.size - names.length >= limits.names || !serves(name)) return
    this.#wanted.add(name)
    if (this.#isWorking) this.#again = true
    else this.#plan(0)
  }

  #plan(afterMs: number): void {
    if (this.#stopping.signal.aborted || !this.#begun) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => (this.#working = this.#work()), afterMs).unref()
  }

  async #work(): Promise<void> {
    this.#isWorking = true
    this.#again = false
    const { logger, lock, limits } = this.#options
    try {
      await this.#refresh()
      if ((await this.#due()).length > 0) await lock(() => this.#orderAll())
    } catch (error) {
      logger.warn({ problem: (error as Error).message }, 'the vault of certificates cannot be used')
    }
    this.#isWorking = false
    this.#plan(this.#again ? 0 : limits.refreshMs)
  }

  async #orderAll(): Promise<void> {
    // Another worker may have ordered while this one waited.
    await this.#refresh()
    await this.#forget()
    for (const name of await this.#due()) {
      if (this.#stopping.signal.aborted) return
      await this.#order(name)
    }
  }

  async #order(name: string): Promise<void> {
    const { vault, orders, logger, limits, now } = this.#options
    try {
      logger.info({ host: name }, 'ordering a certificate')
      const { cert, key } = await orders.order(name, this.#stopping.signal)
      const certificate = readCertificate({ cert, key }, `acme ${name}`)
      await vault.put(`${CERTIFICATES}/${name}`, JSON.stringify({ cert, key }))
      await vault.delete(`${FAILURES}/${name}`)
      logger.info(
        { host: name, expires: new Date(certificate.notAfterMs).toISOString() },
        'certificate ordered',
      )
      await this.#refresh()
    } catch (error) {
      // What was ordered so far is lost, and is no fault of the authority.
      if (this.#stopping.signal.aborted) return
      const { message } = error as Error
      const askedMs = error instanceof AcmeError ? error.askedMs : 0
      const failure = failedAgain(await this.#failureOf(name), message, {
        nowMs: now(),
        askedMs,
        retry: limits.retry,
      })
      const { tries, retryAtMs } = failure
      const again = new Date(retryAtMs).toISOString()
      await vault.put(`${FAILURES}/${name}`, JSON.stringify(failure))
      logger.warn({ host: name, problem: message, tries, again }, 'certificate not ordered')
    }
  }

  /** Removes certificates that have expired, and that are no longer wanted. */
  async #forget(): Promise<void> {
    const { vault, serves, now } = this.#options
    for (const [name, { certificate }] of this.#known) {
      if (this.#wanted.has(name) || serves(name) || certificate.notAfterMs > now()) continue
      await vault.delete(`${CERTIFICATES}/${name}`)
    }
  }

  async #due(): Promise<string[]> {
    const { now, serves } = this.#options
    // Certificates that were ordered at a first use are renewed while the relay serves their names.
    const renewed = [...this.#known.keys()].filter((name) => !this.#wanted.has(name) && serves(name))
    const due: string[] = []
    for (const name of [...this.#wanted, ...renewed]) {
      const certificate = this.#known.get(name)?.certificate
      if (!isDue(certificate, undefined, now())) continue
      if (isDue(certificate, await this.#failureOf(name), now())) due.push(name)
    }
    return due
  }

  async #failureOf(name: string): Promise<OrderFailure | undefined> {
    const text = await this.#options.vault.get(`${FAILURES}/${name}`)
    return text === undefined ? undefined : parseFailure(text)
  }

  async #refresh(always = false): Promise<void> {
    const { vault, onChange } = this.#options
    const next = new Map<string, { text: string; certificate: Certificate }>()
    for (const name of await vault.list(CERTIFICATES)) {
      const text = (await vault.get(`${CERTIFICATES}/${name}`)) ?? ''
      const before = this.#known.get(name)
      const certificate = before?.text === text ? before.certificate : this.#read(name, text)
      if (certificate !== undefined) next.set(name, { text, certificate })
    }
    const changed =
      next.size !== this.#known.size ||
      [...next].some(([name, { certificate }]) => this.#known.get(name)?.certificate !== certificate)
    this.#known = next
    if (changed || always) onChange([...next.values()].map(({ certificate }) => certificate))
  }

  /** A text that cannot be read counts as none, so that a new certificate is ordered. */
  #read(name: string, text: string): Certificate | undefined {
    try {
      const { cert, key } = JSON.parse(text) as Partial<PemPair>
      return readCertificate({ cert: String(cert), key: String(key) }, `acme ${name}`)
    } catch (error) {
      this.#options.logger.warn(
        { host: name, problem: (error as Error).message },
        'stored certificate cannot be read',
      )
      return undefined
    }
  }
}

function parseFailure(text: string): OrderFailure | undefined {
  try {
    const { tries, retryAtMs, problem } = JSON.parse(text) as Record<string, unknown>
    return { tries: Number(tries) || 0, retryAtMs: Number(retryAtMs) || 0, problem: String(problem) }
  } catch {
    return undefined
  }
}
