import { join, relative } from 'node:path'
import type { SecureContext } from 'node:tls'
import { openAuthority } from '../../../authority/authority.ts'
import { authorityFolder } from '../../../authority/folder.ts'
import type { Logger } from '../../../process/log.ts'
import { RareLog } from '../../../process/rare-log.ts'
import { type Certificate, validityFault } from './certificate.ts'
import { type Acme, openAcme } from './acme/open.ts'
import type { AcmeConfig } from './acme/config.ts'
import type { CertificateConfig } from './config.ts'
import { DevelopmentCertificates } from './development.ts'
import { expiring } from './expiry.ts'
import { CertificateFolder } from './files/folder.ts'
import { type CertificateLimits, DEFAULT_CERTIFICATE_LIMITS } from './limits.ts'
import { certificateMetrics } from './metrics.ts'
import { CertificateStore } from './store.ts'

export interface CertificateOptions {
  readonly config: CertificateConfig
  /** The domain of previews. */
  readonly domain: string
  /** Whether the relay serves a host, so that a certificate may be ordered at its first use. Default: never. */
  readonly serves?: (host: string) => boolean
  readonly logger: Logger
  readonly limits?: Partial<CertificateLimits>
  /** The time, in milliseconds since 1970. Default: Date.now. */
  readonly now?: () => number
}

/** The certificates of a worker. */
export interface Certificates {
  /**
   * Returns what a visitor gets who names a host in lower case by SNI, or no host. A promise only where a certificate for
   * development is issued first. Undefined if there is no certificate at all.
   */
  secureContextFor(
    servername: string | undefined,
  ): SecureContext | undefined | Promise<SecureContext | undefined>
  /** Returns the response to an ACME challenge; undefined if it is not ours. Undefined without ACME. */
  readonly challengeFor: ((token: string) => Promise<string | undefined>) | undefined
  /** Orders certificates from now on. The listener that answers challenges must be open. */
  begin(): void
  /** The metrics, in the text format of Prometheus. */
  metrics(): string
  stop(): Promise<void>
}

const DAY_MS = 86_400_000
/** The maximum warnings about expiry that are logged at once. */
const LINES = 20
/** The files of the certificate for clients that name no host, or one that no certificate covers. */
const DEFAULT_FILES = new Set(['default.crt', join('default', 'tls.crt')])

/**
 * Opens all sources of certificates. Faults of single certificates are logged, and the rest is served. Rejects only if the
 * authority for development cannot be used.
 */
export async function startCertificates(options: CertificateOptions): Promise<Certificates> {
  const running = new RunningCertificates(options)
  try {
    await running.start()
  } catch (error) {
    await running.stop()
    throw error
  }
  return running
}

class RunningCertificates implements Certificates {
  readonly #options: CertificateOptions
  readonly #limits: CertificateLimits
  readonly #now: () => number
  readonly #store: CertificateStore
  readonly #folder: CertificateFolder | undefined
  #acme: Acme | undefined
  #development: DevelopmentCertificates | undefined
  #developmentStandard: Certificate | undefined
  #timer: NodeJS.Timeout | undefined
  /** By origin. */
  readonly #warnings = new Map<string, string>()
  /** When a warning about a certificate was logged, by its id. */
  readonly #warnedAtMs = new Map<string, number>()

  constructor(options: CertificateOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_CERTIFICATE_LIMITS, ...options.limits }
    this.#now = options.now ?? Date.now
    const { config, domain, logger } = options
    const failures = new RareLog(logger, 'certificate refused by TLS')
    this.#store = new CertificateStore({
      domain,
      contexts: this.#limits.contexts,
      now: this.#now,
      onFailure: ({ origin }, error) => failures.add({ file: origin, problem: error.message }),
    })
    this.#folder = config.folder === undefined ? undefined : this.#openFolder(config.folder)
  }

  async start(): Promise<void> {
    await this.#folder?.start()
    if (this.#options.config.acme !== undefined) await this.#openAcme(this.#options.config.acme)
    if (this.#options.config.isSelfSigned) this.#development = await this.#openDevelopment()
    await this.#check()
    this.#timer = setInterval(() => void this.#check(), this.#limits.checkMs).unref()
  }

  secureContextFor(
    servername: string | undefined,
  ): SecureContext | undefined | Promise<SecureContext | undefined> {
    const name = servername?.toLowerCase().replace(/\.$/, '') ?? ''
    const found = name === '' ? undefined : this.#store.named(name)
    if (found !== undefined) return this.#store.contextOf(found) ?? this.#standardContext()
    if (name !== '' && this.#options.config.acme?.isOnDemand === true) this.#acme?.certificates.want(name)
    if (name === '' || this.#development?.covers(name) !== true) return this.#standardContext()
    const known = this.#development.known(name)
    if (known !== undefined) return this.#store.contextOf(known)
    return this.#development.issue(name).then((issued) => this.#store.contextOf(issued))
  }

  begin(): void {
    this.#acme?.certificates.begin()
  }

  metrics(): string {
    const certificates = this.#store.list()
    const expired = certificates.filter((one) => validityFault(one, this.#now()) !== undefined)
    const faults = [...(this.#folder?.faults() ?? []), ...expired]
    const files = new Set(faults.map(({ origin }) => origin))
    return certificateMetrics(certificates, files.size, this.#limits.expiryMetrics)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all([this.#folder?.stop(), this.#acme?.certificates.stop()])
  }

  get challengeFor(): Certificates['challengeFor'] {
    const challenges = this.#acme?.challenges
    return challenges && ((token) => challenges.responseFor(token))
  }

  #standardContext(): SecureContext | undefined {
    const standard = this.#store.standard ?? this.#developmentStandard
    return standard === undefined ? undefined : this.#store.contextOf(standard)
  }

  #openFolder(folder: string): CertificateFolder {
    const { logger } = this.#options
    const isStandard = ({ origin }: Certificate): boolean => DEFAULT_FILES.has(relative(folder, origin))
    return new CertificateFolder({
      folder,
      limits: this.#limits,
      now: this.#now,
      onChange: (certificates) => {
        this.#store.replace('files', certificates, isStandard)
        logger.info({ folder, certificates: certificates.length }, 'certificates loaded')
        for (const { origin, warning } of certificates) if (warning !== undefined) this.#warn(origin, warning)
      },
      onFault: (fault, isKept) =>
        logger.warn(
          {
            file: fault.origin,
            fault: fault.fault,
            problem: fault.message,
            previous: isKept ? 'kept' : 'none',
          },
          'certificate has a fault',
        ),
    })
  }

  async #openAcme(config: AcmeConfig): Promise<void> {
    const { logger, serves = () => false } = this.#options
    this.#acme = await openAcme(config, {
      serves: (name) => config.isOnDemand && serves(name),
      logger,
      now: this.#now,
      onChange: (certificates) => {
        this.#store.replace('acme', certificates)
        for (const { origin, warning } of certificates) if (warning !== undefined) this.#warn(origin, warning)
      },
    })
    await this.#acme.certificates.start()
  }

  async #openDevelopment(): Promise<DevelopmentCertificates> {
    const { config, domain, logger } = this.#options
    const folder = authorityFolder(domain, config.dataHome)
    const authority = await openAuthority(folder, domain, this.#now())
    const { file, fingerprint } = authority
    logger.info(
      { file, fingerprint, domain },
      'certificates for development: browsers trust them after branchline trust',
    )
    return new DevelopmentCertificates({ authority, domain, issued: this.#limits.issued, now: this.#now })
  }

  /** Logs once why clients may refuse a certificate. */
  #warn(origin: string, warning: string): void {
    if (this.#warnings.get(origin) === warning) return
    this.#warnings.set(origin, warning)
    this.#options.logger.warn({ file: origin, problem: warning }, 'certificate may be refused')
  }

  /** Does what is due because time has passed. */
  async #check(): Promise<void> {
    const { domain, logger } = this.#options
    this.#store.refresh()
    const nowMs = this.#now()
    const soon = expiring(this.#store.list(), nowMs, this.#limits.expiryWarningMs)
    const due = soon.filter(({ id }) => nowMs - (this.#warnedAtMs.get(id) ?? -Infinity) >= DAY_MS)
    for (const { id } of due) this.#warnedAtMs.set(id, nowMs)
    for (const { origin, names, notAfterMs } of due.slice(0, LINES)) {
      const fields = { file: origin, host: names[0], expires: new Date(notAfterMs).toISOString() }
      logger.warn({ ...fields, expiring: soon.length }, 'certificate expires soon: renew it')
    }
    if (this.#development === undefined) return
    this.#developmentStandard = this.#development.known(domain) ?? (await this.#development.issue(domain))
  }
}
