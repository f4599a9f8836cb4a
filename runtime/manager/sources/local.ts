import type { ClientRequest, IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { localEvent, localIdentity, type LocalTokenReview } from '@branchline/wire/local-api'
import { TOKEN_AUDIENCE } from '@branchline/wire/names'
import { Backoff, type BackoffLimits } from '../../process/backoff.ts'
import type { Logger } from '../../process/log.ts'
import { KubernetesError } from '../../kubernetes/errors.ts'
import { LineSplitter } from '../../kubernetes/lines.ts'
import { Relister } from './relist.ts'
import type { PodIdentity, Source, SourceEvent, StatusWrite } from './source.ts'

// An `import` of node:http also loads undici (runtime/process/admin.ts).
const { request: httpRequest } = process.getBuiltinModule('node:http')

export interface LocalSourceOptions {
  /** The path of the embedded cluster's Unix socket. */
  readonly socketPath: string
  readonly logger: Logger
  /** The maximum bytes of one event. Default: 4 MiB. */
  readonly maxLineBytes?: number
  /** How long a call other than the watch may take. Default: 5 s. */
  readonly callTimeoutMs?: number
  /** The waits between two attempts to watch. Default: 50 ms to 2 s. */
  readonly backoff?: BackoffLimits
}

/** The embedded cluster as a source (wire/local-api.ts). */
export class LocalSource implements Source {
  readonly #options: Required<LocalSourceOptions>
  readonly #stopping = new AbortController()
  #watching: Promise<void> | undefined

  constructor(options: LocalSourceOptions) {
    this.#options = {
      maxLineBytes: 4 * 1024 * 1024,
      callTimeoutMs: 5_000,
      backoff: { firstMs: 50, maxMs: 2_000 },
      ...options,
    }
  }

  start(handler: (event: SourceEvent) => void): void {
    this.#watching ??= this.#watchForever(new Relister(handler))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#watching
  }

  async writeStatus(write: StatusWrite): Promise<void> {
    const { status } = await this.#call('PUT', '/v1/status', write)
    // The object is gone meanwhile, so there is no status to write.
    if (status === 404 || (status >= 200 && status < 300)) return
    throw new KubernetesError(
      `status of ${write.kind} ${write.namespace}/${write.name}: the cluster responded with ${status}`,
      {
        retryable: status >= 500,
      },
    )
  }

  async reviewToken(token: string): Promise<PodIdentity | undefined> {
    const review: LocalTokenReview = { token, audience: TOKEN_AUDIENCE }
    const { status, body } = await this.#call('POST', '/v1/tokenreviews', review)
    if (status === 401) return undefined
    if (status !== 200)
      throw new KubernetesError(`token review: the cluster responded with ${status}`, { retryable: true })
    return localIdentity.parse(JSON.parse(body))
  }

  async #watchForever(relister: Relister): Promise<void> {
    const { logger } = this.#options
    const backoff = new Backoff(this.#options.backoff)
    const { signal } = this.#stopping
    let connected = true
    while (!signal.aborted) {
      try {
        await this.#watch(relister, () => {
          backoff.reset()
          connected = true
          logger.info('watching the embedded cluster')
        })
      } catch (error) {
        if (signal.aborted) return
        // Log each change of state, not each attempt.
        if (connected) logger.warn({ err: error }, 'the embedded cluster does not respond, trying again')
        connected = false
      }
      await delay(backoff.nextMs(), undefined, { signal }).catch(() => undefined)
    }
  }

  async #watch(relister: Relister, onSynced: () => void): Promise<void> {
    const response = await this.#send('GET', '/v1/watch', undefined)
    if (response.statusCode !== 200) {
      response.destroy()
      throw new KubernetesError(`the cluster responded to the watch with ${response.statusCode}`, {
        retryable: true,
      })
    }
    relister.restart()
    const lines = new LineSplitter(this.#options.maxLineBytes)
    for await (const chunk of response as AsyncIterable<Buffer>) {
      for (const line of lines.push(chunk)) {
        const event = this.#parse(line)
        if (event === undefined) continue
        relister.take(event)
        if (event.type === 'SYNCED') onSynced()
      }
    }
    throw new KubernetesError('the watch ended', { retryable: true })
  }

  #parse(line: string): SourceEvent | undefined {
    try {
      return localEvent.parse(JSON.parse(line))
    } catch (error) {
      this.#options.logger.error({ err: error }, 'ignored an invalid event')
      return undefined
    }
  }

  async #call(method: string, path: string, body: unknown): Promise<{ status: number; body: string }> {
    const response = await this.#send(method, path, JSON.stringify(body), this.#options.callTimeoutMs)
    const parts: Buffer[] = []
    for await (const part of response as AsyncIterable<Buffer>) parts.push(part)
    return { status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') }
  }

  #send(
    method: string,
    path: string,
    body: string | undefined,
    timeoutMs?: number,
  ): Promise<IncomingMessage> {
    const ends = [this.#stopping.signal, ...(timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)])]
    const headers = { host: 'localhost', ...(body !== undefined && { 'content-type': 'application/json' }) }
    const { socketPath } = this.#options
    const signal = AbortSignal.any(ends)
    return new Promise((resolve, reject) => {
      const request: ClientRequest = httpRequest({ socketPath, method, path, headers, signal, agent: false })
      request.once('response', resolve).once('error', reject).end(body)
    })
  }
}
