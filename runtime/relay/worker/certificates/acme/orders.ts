import type { ClientRequest } from 'node:http'
import { Agent, request } from 'node:https'
import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from 'acme-client'
import type { PemPair } from '../certificate.ts'
import type { Challenges } from './challenges.ts'
import { runDnsHook } from './dns-hook.ts'
import { AcmeError } from './errors.ts'
import type { AcmeLimits } from './limits.ts'
import type { CertificateVault } from './vault.ts'

export interface OrdersOptions {
  /** The URL of the authority's directory (RFC 8555, 7.1.1). */
  readonly url: string
  readonly email: string | undefined
  /** PEM of the authorities that are trusted for this URL. Undefined: the public ones. */
  readonly ca: string | undefined
  /** The hook that changes DNS. Undefined: names are proved by HTTP. */
  readonly dnsHook: string | undefined
  readonly vault: CertificateVault
  readonly challenges: Challenges
  readonly limits: AcmeLimits
}

/** The name of the account's key in the vault. */
const ACCOUNT = 'account.key'

/** Orders certificates of an ACME authority (RFC 8555). The caller makes one order at a time. */
export class Orders {
  readonly #options: OrdersOptions
  #client: Promise<Client> | undefined
  /** What the authority asked to wait since the last order began, in milliseconds. */
  #askedMs = 0
  /** Why the authority could not be reached since then. */
  #unreached: Error | undefined

  constructor(options: OrdersOptions) {
    this.#options = options
  }

  /** Orders a certificate for one name, with a new key, until the signal. Rejects with an {@link AcmeError}. */
  async order(name: string, signal: AbortSignal): Promise<PemPair> {
    this.#askedMs = 0
    this.#unreached = undefined as Error | undefined
    const { orderMs } = this.#options.limits
    const ending = new AbortController()
    const late = wait(orderMs, undefined, { signal: AbortSignal.any([ending.signal, signal]) }).then(
      () => `the order took longer than ${orderMs} ms`,
      () => 'the relay stops',
    )
    const refused = late.then((reason) => Promise.reject(new AcmeError(`${name}: ${reason}`)))
    refused.catch(() => undefined)
    try {
      return await Promise.race([this.#order(name), refused])
    } catch (cause) {
      if (cause instanceof AcmeError) throw cause
      if (this.#unreached !== undefined) {
        const { url } = this.#options
        throw new AcmeError(`${name}: ${url} cannot be reached (${this.#unreached.message})`, { cause })
      }
      throw new AcmeError(`${name}: ${(cause as Error).message}`, { cause, askedMs: this.#askedMs })
    } finally {
      ending.abort()
    }
  }

  async #order(name: string): Promise<PemPair> {
    const { crypto } = (await import('acme-client')).default
    this.#client ??= this.#connect()
    this.#client.catch(() => (this.#client = undefined))
    const client = await this.#client
    const [key, csr] = await crypto.createCsr({ altNames: [name] }, await crypto.createPrivateEcdsaKey())
    const { email, dnsHook, challenges, limits } = this.#options
    const record = (value: string) => ({ name: `_acme-challenge.${name.replace(/^\*\./, '')}`, value })
    const cert = await client.auto({
      csr,
      termsOfServiceAgreed: true,
      ...(email !== undefined && { email }),
      challengePriority: [dnsHook === undefined ? 'http-01' : 'dns-01'],
      // Only the authority knows from where it will ask.
      skipChallengeVerification: true,
      challengeCreateFn: (_authorization, { type, token }, response) => {
        if (type === 'http-01') return challenges.add(token, response)
        if (dnsHook === undefined) throw new AcmeError(`the authority offers no http-01 for ${name}`)
        return runDnsHook(dnsHook, 'present', record(response), limits.hookMs)
      },
      challengeRemoveFn: (_authorization, { type, token }, response) => {
        if (type === 'http-01') return challenges.remove(token)
        if (dnsHook === undefined) return Promise.resolve()
        return runDnsHook(dnsHook, 'remove', record(response), limits.hookMs)
      },
    })
    return { cert, key: String(key) }
  }

  /** The library loses the reason of a request that got no response (acme-client 5.4, `axios.js`). */
  #watched(sent: ClientRequest): ClientRequest {
    return sent.on('error', (error) => (this.#unreached = error))
  }

  async #connect(): Promise<Client> {
    const { url, ca, vault, limits } = this.#options
    const acme = (await import('acme-client')).default
    const { defaults, interceptors } = acme.axios
    defaults.timeout = limits.requestMs
    if (ca !== undefined) defaults.httpsAgent = new Agent({ ca })
    defaults.transport = { request: (...args: Parameters<typeof request>) => this.#watched(request(...args)) }
    // The library would wait within the order for as long as the authority asks. We come back later instead.
    ;(defaults as unknown as { acmeSettings: { retryMaxAttempts: number } }).acmeSettings.retryMaxAttempts = 0
    interceptors.response.use((response) => {
      if (response.status === 429 || response.status === 503) {
        this.#askedMs = retryAfterMs(String(response.headers['retry-after'] ?? ''))
      }
      return response
    })
    let accountKey = await vault.get(ACCOUNT)
    if (accountKey === undefined) {
      accountKey = String(await acme.crypto.createPrivateEcdsaKey())
      await vault.put(ACCOUNT, accountKey)
    }
    const { firstMs: backoffMin, maxMs: backoffMax, attempts: backoffAttempts } = limits.poll
    return new acme.Client({ directoryUrl: url, accountKey, backoffMin, backoffMax, backoffAttempts })
  }
}

/** Reads Retry-After (RFC 9110, 10.2.3): seconds or a date. 0 if it says nothing. */
export function retryAfterMs(text: string, nowMs = Date.now()): number {
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const at = text.endsWith('GMT') ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? 0 : Math.max(0, at - nowMs)
}
