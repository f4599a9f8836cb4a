import { join } from 'node:path'
import type { WorkerFacts } from '@branchline/wire/circuits/worker'
import { readJson, replaceFile } from '../../../process/private-file.ts'

const FILE_BYTES = 64 * 1024
const VERSION = 1

export interface CredentialOptions {
  /** Where the credential is kept. Undefined: the worker joins again at each start. */
  readonly directory: string | undefined
  /** Reads the join token. It may change between attempts. */
  readonly joinToken: () => Promise<string>
  readonly joinMs: number
}

/** Why a worker could not join. */
class WorkerJoinError extends Error {
  readonly code = 'BL_RELAY_WORKER_JOIN'
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'WorkerJoinError'
  }
}

/** The credential of a worker: the one that it got when it joined, or a new one. */
export class WorkerCredential {
  readonly #options: CredentialOptions
  #credential: string | undefined
  /** Whether the coordinator has refused the credential on disk. */
  #refused = false

  constructor(options: CredentialOptions) {
    this.#options = options
  }

  /**
   * Returns the credential. If there is none, it joins at a coordinator, whose URL is `http:` or `https:`. Rejects with a
   * {@link WorkerJoinError}.
   */
  async get(facts: WorkerFacts, coordinator: string): Promise<string> {
    this.#credential ??= await this.#read()
    if (this.#credential !== undefined) return this.#credential
    const credential = await this.#join(facts, coordinator)
    await this.#write(credential)
    this.#credential = credential
    return credential
  }

  /** The coordinator does not know the credential: join again. */
  forget(): void {
    this.#credential = undefined
    this.#refused = true
  }

  get #path(): string | undefined {
    const { directory } = this.#options
    return directory === undefined ? undefined : join(directory, 'credential.json')
  }

  async #read(): Promise<string | undefined> {
    if (this.#path === undefined || this.#refused) return undefined
    const content = (await readJson(this.#path, FILE_BYTES)) as
      | { readonly version?: unknown; readonly credential?: unknown }
      | undefined
    const { version, credential } = content ?? {}
    return version === VERSION && typeof credential === 'string' ? credential : undefined
  }

  async #write(credential: string): Promise<void> {
    this.#refused = false
    if (this.#path !== undefined)
      await replaceFile(this.#path, `${JSON.stringify({ version: VERSION, credential })}\n`)
  }

  async #join(facts: WorkerFacts, coordinator: string): Promise<string> {
    const { joinToken, joinMs } = this.#options
    const url = new URL('/api/v1/workers', coordinator)
    const token = await joinToken()
    let response: Response
    try {
      response = await fetch(url, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(facts),
        redirect: 'error',
        signal: AbortSignal.timeout(joinMs),
      })
    } catch (error) {
      throw new WorkerJoinError(`cannot join at ${url.origin}: ${(error as Error).message}`, error)
    }
    const body = (await response.json().catch(() => undefined)) as
      | { readonly credential?: unknown; readonly detail?: unknown }
      | undefined
    if (response.status === 201 && typeof body?.credential === 'string') return body.credential
    const detail = typeof body?.detail === 'string' ? `: ${body.detail}` : ''
    throw new WorkerJoinError(`${url.origin} refuses the join (${response.status})${detail}`)
  }
}
