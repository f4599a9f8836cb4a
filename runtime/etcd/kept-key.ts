import { Backoff } from '../process/backoff.ts'
import type { Logger } from '../process/log.ts'
import { pause } from '../process/pause.ts'
import type { EtcdClient, Message } from './client.ts'
import { EtcdError } from './errors.ts'
import { encode } from './range.ts'

export interface KeptKeyOptions {
  readonly client: EtcdClient
  readonly key: string
  readonly value: string
  readonly logger: Logger
}

/**
 * A key that exists as long as this process does: it has a lease, which is renewed. A lost lease is granted again, with
 * the key. Nothing stays after the process: the lease ends by itself.
 */
export class KeptKey {
  readonly #options: KeptKeyOptions
  readonly #stopped = new AbortController()
  #lease: string | undefined
  #running: Promise<void> | undefined
  #isDown = false

  constructor(options: KeptKeyOptions) {
    this.#options = options
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Ends the lease, and with it the key. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
    const lease = this.#lease
    // It ends by itself otherwise.
    if (lease !== undefined)
      await this.#options.client.call('lease/revoke', { ID: lease }).catch(() => undefined)
  }

  async #run(): Promise<void> {
    const { client, key, logger } = this.#options
    const { signal } = this.#stopped
    const backoff = new Backoff(client.limits.retry)
    const renewMs = (client.limits.leaseSeconds * 1_000) / 3
    while (!signal.aborted) {
      try {
        if (this.#lease === undefined) await this.#register()
        else await this.#renew(this.#lease)
        backoff.reset()
        this.#isDown = false
        // A lost lease is granted again at once.
        if (this.#lease !== undefined) await pause(renewMs, signal)
      } catch (error) {
        if (signal.aborted) return
        if (!this.#isDown) logger.warn({ err: error, key }, 'a key of etcd could not be kept, trying again')
        this.#isDown = true
        await pause(backoff.nextMs(), signal)
      }
    }
  }

  async #register(): Promise<void> {
    const { client, key, value } = this.#options
    const granted = await client.call('lease/grant', { TTL: String(client.limits.leaseSeconds) })
    const lease = granted['ID']
    if (typeof lease !== 'string') throw new EtcdError('etcd has granted no lease')
    await client.call('kv/put', { key: encode(key), value: encode(value), lease })
    this.#lease = lease
  }

  async #renew(lease: string): Promise<void> {
    const { client, key, logger } = this.#options
    const answer = await client.call('lease/keepalive', { ID: lease })
    const result = (answer['result'] ?? answer) as Message
    if (Number(result['TTL'] ?? 0) > 0) return
    logger.warn({ key }, 'a lease of etcd has ended, granting another one')
    this.#lease = undefined
  }
}
