import { EventEmitter } from 'node:events'
import type { OutgoingHttpHeaders } from 'node:http2'
import type { Limits, UpstreamPool } from '../http1/index.ts'
import { BODY } from '../http1/message/fields.ts'
import { parseResponseHead, type RequestHead, type ResponseHead } from '../http1/message/head.ts'
import { retire } from '../http1/retire.ts'
import type { UpstreamConnection, UpstreamUser } from '../http1/upstream-connection.ts'
import type { UpstreamStream } from '../http2/index.ts'
import { latin1 } from '../transport/node-private.ts'
import { HttpError } from '../proxy/errors.ts'
import { badResponse, clientGone, closedEarly } from '../proxy/failures.ts'
import { translateFields, translateTrailers } from './response-fields.ts'
import { writeLastChunk } from './trailers.ts'

/** The flag of a head that is the whole response (RFC 9113, 6.2). */
const END_STREAM = 1
const CANCEL = 0x8
/** Up to this size, a chunk is one string. */
const SMALL_BYTES = 4096

/** What a stream tells the link that it belongs to. */
interface StreamOwner {
  dead: boolean
  fault: HttpError | undefined
}

type State = 'waiting' | 'responding' | 'responded'

/**
 * One request over a connection of HTTP/1.1, with the events of a ClientHttp2Stream. At its end, the connection goes
 * back to the pool if another request may follow.
 */
export class Http1Stream extends EventEmitter implements UpstreamStream, UpstreamUser {
  closed = false
  rstCode = 0
  readonly id = undefined
  readonly #connection: UpstreamConnection
  readonly #owner: StreamOwner
  readonly #head: RequestHead
  readonly #pool: UpstreamPool
  readonly #limits: Pick<Limits, 'responseHeadBytes' | 'responseHeaderCount' | 'lingerTotalMs'>
  #state: State = 'waiting'
  #requestDone: boolean
  /** Bytes that the request's Content-Length still allows. */
  #left: number
  #interim = false
  #reusable = false

  constructor(
    connection: UpstreamConnection,
    owner: StreamOwner,
    head: RequestHead,
    pool: UpstreamPool,
    limits: Pick<Limits, 'responseHeadBytes' | 'responseHeaderCount' | 'lingerTotalMs'>,
  ) {
    super()
    this.#connection = connection
    this.#owner = owner
    this.#head = head
    this.#pool = pool
    this.#limits = limits
    this.#requestDone = head.body === BODY.none
    this.#left = head.length
    connection.user = this
  }

  begin(head: string): this {
    this.#connection.transport.write(head)
    return this
  }

  write(chunk: Buffer): boolean {
    const { transport } = this.#connection
    if (this.closed || this.#requestDone || chunk.length === 0) return true
    if (this.#head.body === BODY.length) {
      this.#left -= chunk.length
      if (this.#left < 0) this.#fail(clientGone('the body is longer than its Content-Length'))
      return this.closed || transport.write(chunk, true)
    }
    const size = `${chunk.length.toString(16)}\r\n`
    if (chunk.length <= SMALL_BYTES) return transport.write(`${size}${latin1(chunk, 0, chunk.length)}\r\n`)
    transport.writeBoth(size, chunk, true)
    return transport.write('\r\n')
  }

  end(): void {
    if (this.closed || this.#requestDone) return
    if (this.#head.body === BODY.chunked) this.emit('wantTrailers')
    else if (this.#left > 0) this.#fail(clientGone('the body is shorter than its Content-Length'))
    else this.#requestOver()
  }

  /** Ends a chunked request. Fields that a reader could take for those of a head are left out. */
  sendTrailers(fields: OutgoingHttpHeaders): void {
    if (this.closed || this.#requestDone) return
    this.#connection.transport.write(writeLastChunk(fields))
    this.#requestOver()
  }

  pause(): void {
    if (!this.closed) this.#connection.transport.pause()
  }

  resume(): void {
    if (!this.closed) this.#connection.transport.resume()
  }

  close(code = CANCEL): void {
    if (this.closed) return
    this.#connection.destroy()
    this.#over(code)
  }

  upstreamOpened(): void {}

  upstreamDrained(): void {
    if (!this.closed) this.emit('drain')
  }

  upstreamData(view: Buffer): void {
    try {
      let at = 0
      while (this.#state === 'waiting' && !this.closed && at !== -1 && at < view.length)
        at = this.#readHead(view, at)
      if (this.closed || at === -1 || at >= view.length) return
      if (this.#state === 'responding') this.#readBody(view, at)
      else this.#reusable = false
    } catch (error) {
      this.#fail(error instanceof HttpError && error.status >= 500 ? error : badResponse(error))
    }
  }

  upstreamOver(error: Error | undefined, closed: boolean): void {
    if (this.#state === 'responded') {
      // An upstream that has only ended its direction may still read.
      if (closed) this.close(0)
      return
    }
    const { body, reader } = this.#connection
    if (this.#state === 'responding' && body.kind === BODY.close && error === undefined && !closed)
      return this.#finish()
    if (this.#state === 'waiting' && (this.#interim || reader.started)) this.#owner.fault = closedEarly(error)
    this.#owner.dead = true
    this.close()
  }

  #readHead(view: Buffer, at: number): number {
    const { reader } = this.#connection
    const { responseHeadBytes, responseHeaderCount: headerCount } = this.#limits
    const end = reader.read(view, at, responseHeadBytes)
    if (end === -1) return -1
    const { method } = this.#head
    const response = parseResponseHead(
      reader.text,
      method,
      { headerCount },
      reader.source(view),
      reader.start,
    )
    if (response.status >= 200) this.#respond(response)
    else if (response.status === 101) throw new Error('it switches protocols without a request to do so')
    else {
      this.#interim = true
      this.emit('headers', { ':status': response.status }, 0, translateFields(response))
    }
    if (this.#state === 'responding' && this.#connection.body.done) this.#finish(view.length - end)
    return end
  }

  #respond(response: ResponseHead): void {
    const { body, transport } = this.#connection
    const { responseHeadBytes: headBytes, responseHeaderCount: headerCount } = this.#limits
    this.#state = 'responding'
    this.#reusable = response.keepAlive
    this.#connection.keptMs = response.keptMs
    body.start(response.body, response.length, { headBytes, headerCount })
    body.trailerText = response.body === BODY.chunked ? '' : undefined
    if (response.body === BODY.chunked)
      body.onChunkData = (view, from, to) => this.#emitData(view.subarray(from, to), transport.stable)
    const list = translateFields(response)
    const fields: Record<string, unknown> = { ':status': response.status }
    if (response.body === BODY.length) fields['content-length'] = String(response.length)
    this.emit('response', fields, body.done ? END_STREAM : 0, list)
  }

  #readBody(view: Buffer, at: number): void {
    const { body, transport } = this.#connection
    const end = body.take(view, at)
    if (body.kind !== BODY.chunked) this.#emitData(view.subarray(at, end), transport.stable)
    if (body.done && !this.closed) this.#finish(view.length - end)
  }

  #emitData(data: Buffer, stable: boolean): void {
    if (!this.closed && data.length > 0) this.emit('data', stable ? data : Buffer.from(data))
  }

  /** The response is complete. The request may not be, and an app that responded early may still want the rest. */
  #finish(surplus = 0): void {
    if (this.#state !== 'responding') return
    const { body } = this.#connection
    this.#state = 'responded'
    if (surplus > 0 || body.kind === BODY.close) this.#reusable = false
    const { trailerText } = body
    if (trailerText !== undefined && trailerText !== '')
      this.emit('trailers', {}, 0, translateTrailers(trailerText))
    this.emit('end')
    if (this.closed || !this.#requestDone) return
    const connection = this.#connection
    if (this.#reusable) {
      connection.user = undefined
      connection.used = true
      connection.transport.resume()
      this.#pool.put(connection)
    } else connection.destroy()
    this.#over(0)
  }

  #requestOver(): void {
    this.#requestDone = true
    if (this.#state !== 'responded') return
    // Many apps close after an early response without announcing it, so the connection is not used again.
    retire(this.#connection, this.#limits.lingerTotalMs)
    this.#over(0)
  }

  #fail(error: HttpError): void {
    if (this.closed) return
    this.#owner.fault = error
    this.close()
  }

  #over(code: number): void {
    this.closed = true
    this.rstCode = code
    process.nextTick(() => this.emit('close'))
  }
}
