import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { type EtcdAddress, readTls, readUser } from './address.ts'
import { EtcdError, STATUS } from './errors.ts'
import type { EtcdLimits } from './limits.ts'

export interface EtcdClientOptions extends EtcdAddress {
  readonly limits: EtcdLimits
}

/** A message of etcd: 64-bit numbers are strings, absent fields are zero. */
export type Message = Readonly<Record<string, unknown>>

interface Open {
  readonly response: IncomingMessage
  readonly endpoint: number
}

/**
 * A client of etcd's JSON gateway (https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/). After an endpoint fails,
 * the next call goes to the next one. It never repeats a request whose outcome is not known.
 */
export class EtcdClient {
  readonly limits: EtcdLimits
  readonly #options: EtcdClientOptions
  readonly #http = new HttpAgent({ keepAlive: true, maxFreeSockets: 4 })
  readonly #https = new HttpsAgent({ keepAlive: true, maxFreeSockets: 4 })
  #endpoint = 0
  #token: string | undefined

  constructor(options: EtcdClientOptions) {
    this.#options = options
    this.limits = options.limits
  }

  /** Calls a method, such as `kv/range`. Rejects with an {@link EtcdError}. */
  async call(method: string, body: Message, signal?: AbortSignal): Promise<Message> {
    return this.#withToken(async (token) => {
      const timeout = AbortSignal.timeout(this.limits.requestMs)
      const both = signal === undefined ? timeout : AbortSignal.any([signal, timeout])
      const { response, endpoint } = await this.#post(method, body, token, both)
      try {
        return parse(await this.#readAll(response))
      } catch (error) {
        throw this.#failed(endpoint, method, error)
      }
    })
  }

  /**
   * Calls a method that answers with a stream, such as `watch`. Yields each message. Ends with the stream; throws an
   * {@link EtcdError} where it breaks.
   */
  async *stream(method: string, body: Message, signal: AbortSignal): AsyncGenerator<Message, void> {
    const { response, endpoint } = await this.#withToken((token) => this.#begin(method, body, token, signal))
    try {
      let parts: string[] = []
      let bytes = 0
      for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
        let start = 0
        for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', start)) {
          parts.push(chunk.slice(start, end))
          const line = parts.join('')
          parts = []
          bytes = 0
          start = end + 1
          if (line !== '') yield parse(line)
        }
        parts.push(chunk.slice(start))
        bytes += chunk.length - start
        if (bytes > this.limits.messageBytes) throw new EtcdError('a message of etcd is too large')
      }
    } catch (error) {
      throw this.#failed(endpoint, method, error)
    } finally {
      response.destroy()
    }
  }

  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }

  /** The head must arrive in time; the rest of the stream may take for ever. */
  async #begin(method: string, body: Message, token: string | undefined, signal: AbortSignal): Promise<Open> {
    const begun = new AbortController()
    const timer = setTimeout(() => begun.abort(new Error('no answer in time')), this.limits.requestMs)
    try {
      return await this.#post(method, body, token, AbortSignal.any([signal, begun.signal]))
    } finally {
      clearTimeout(timer)
    }
  }

  async #withToken<T>(call: (token: string | undefined) => Promise<T>): Promise<T> {
    const { userFolder } = this.#options
    if (userFolder === undefined) return call(undefined)
    const known = this.#token
    try {
      return await call(known ?? (await this.#authenticate()))
    } catch (error) {
      // A token expires, and every change of users and roles makes it invalid. Neither request was executed.
      if (known === undefined || !(error instanceof EtcdError) || !isTokenFault(error)) throw error
      return await call(await this.#authenticate())
    }
  }

  async #authenticate(): Promise<string> {
    this.#token = undefined
    const user = await readUser(this.#options.userFolder)
    const timeout = AbortSignal.timeout(this.limits.requestMs)
    const { response } = await this.#post('auth/authenticate', { ...user }, undefined, timeout)
    const { token } = parse(await this.#readAll(response))
    if (typeof token !== 'string') throw new EtcdError('etcd has returned no token for the user')
    this.#token = token
    return token
  }

  async #post(method: string, body: Message, token: string | undefined, signal: AbortSignal): Promise<Open> {
    const { endpoints, tlsFolder } = this.#options
    const endpoint = this.#endpoint
    const url = new URL(`/v3/${method}`, endpoints[endpoint % endpoints.length])
    const text = JSON.stringify(body)
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...(token !== undefined && { authorization: token }),
    }
    try {
      const isTls = url.protocol === 'https:'
      const options = { method: 'POST', headers, signal }
      const sent = isTls
        ? httpsRequest(url, { ...options, agent: this.#https, ...(await readTls(tlsFolder)) })
        : httpRequest(url, { ...options, agent: this.#http })
      const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
      sent.on('response', resolve)
      sent.on('error', reject)
      sent.end(text)
      const response = await promise
      if (response.statusCode === 200) return { response, endpoint }
      throw refusalOf(response.statusCode, await this.#readAll(response))
    } catch (error) {
      throw this.#failed(endpoint, method, error)
    }
  }

  async #readAll(response: IncomingMessage): Promise<string> {
    const chunks: string[] = []
    let bytes = 0
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      bytes += chunk.length
      if (bytes > this.limits.messageBytes) throw new EtcdError('a response of etcd is too large')
      chunks.push(chunk)
    }
    return chunks.join('')
  }

  /** A refusal of etcd stays as it is; after any other failure, the next endpoint is tried. */
  #failed(endpoint: number, method: string, error: unknown): EtcdError {
    const isRefusal = error instanceof EtcdError && error.status !== undefined && error.status !== 14
    if (!isRefusal && this.#endpoint === endpoint) this.#endpoint++
    if (error instanceof EtcdError) return error
    const why = error instanceof Error ? error.message : String(error)
    return new EtcdError(`etcd does not respond to ${method}: ${why}`, { cause: error })
  }
}

/** A message. Throws an {@link EtcdError} where it is an error: gateways put it next to, or in place of, `result`. */
function parse(text: string): Message {
  const message = JSON.parse(text) as Message
  const error = message['error']
  if (error === undefined) return message
  throw refusalOf(undefined, typeof error === 'string' ? text : JSON.stringify(error))
}

function refusalOf(httpStatus: number | undefined, text: string): EtcdError {
  let fields: Message = {}
  try {
    fields = JSON.parse(text) as Message
  } catch {
    // Something in between has answered.
  }
  const { code, grpc_code: grpcCode, message, error } = fields
  const status = [grpcCode, code].find((value) => typeof value === 'number')
  const reason = [message, error].find((value) => typeof value === 'string') ?? `HTTP status ${httpStatus}`
  return new EtcdError(`etcd refuses: ${reason}`, { status })
}

const isTokenFault = ({ status, message }: EtcdError): boolean =>
  status === STATUS.unauthenticated || message.includes('auth store is old')
