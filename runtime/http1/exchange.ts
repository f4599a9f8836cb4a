import { withoutBlanks } from './message/body.ts'
import { writeResponseHead } from './message/edits.ts'
import { isEnding } from './parts.ts'
import type { HttpError } from '../proxy/errors.ts'
import * as failures from '../proxy/failures.ts'
import { BODY } from './message/fields.ts'
import { parseResponseHead, type ResponseHead } from './message/head.ts'
import { latin1 } from '../transport/node-private.ts'
import { failureReply } from '../proxy/reply.ts'
import { RequestSide } from './request-side.ts'
import { writeParts } from '../transport/transport.ts'
import { joinUpgraded } from './upgrade.ts'
import { retire } from './retire.ts'
import type { UpstreamConnection } from './upstream-connection.ts'

/** Up to this size, a body is sent in one string with its head. */
const SMALL_BYTES = 4096

/** One request: routed, sent to the first candidate that can be reached, responded to, and reported. */
export class Exchange extends RequestSide {
  #closes = false
  /** The response ends with the client's connection, so only an abort can show that it is incomplete. */
  #delimitedByClose = false
  #reusable = false

  clientDrained(): void {
    if (this.state !== 'responding') return
    this.renewDeadline()
    this.upstream?.transport.resume()
  }

  /**
   * The client has ended its direction (a FIN). If it does so directly after its request, it sends nothing more and
   * waits for the response. If it does so later, it has left. `unread`: bytes of it wait to be read.
   */
  clientEnded(unread: boolean): void {
    if (!this.client.body.done && !unread) {
      if (this.state === 'uploading') return this.end()
      return this.fail(failures.clientGone('the client ended in the middle of its request'))
    }
    const { client } = this
    const { clock, limits } = this.parts
    if (performance.now() - this.completeAt >= limits.halfCloseMs) return this.#abandon()
    client.deadline = Math.min(client.deadline, clock.in(limits.halfClosedMs))
  }

  /** The client has most likely left. */
  #abandon(): void {
    this.clientGone()
    this.client.cut()
  }

  clientGone(): void {
    if (this.state === 'over') return
    this.upstream?.destroy()
    // A client that has its whole response need not send the rest of its request.
    if (this.state !== 'uploading') {
      this.error = failures.clientGone('the client left before its response was complete')
    }
    this.conclude()
  }

  timedOut(): void {
    const { limits } = this.parts
    const state = this.state
    if (state === 'connecting') return this.unreachable(failures.connectTimeout(limits.upstreamConnectMs))
    if (state === 'uploading') return this.end()
    if (this.client.ended) return this.#abandon()
    if (state === 'waiting' && this.awaitsContinue)
      return this.fail(failures.continueTimeout(this.waits.upstreamResponseMs))
    if (state === 'waiting' && !this.client.body.done && !this.blocked) {
      return this.fail(failures.requestTimeout('no byte of the body', limits.requestProgressMs))
    }
    if (state !== 'responding') return this.fail(failures.upstreamTimeout(this.waits.upstreamResponseMs))
    this.fail(failures.upstreamTimeout(this.waits.responseProgressMs))
    // If the client has stopped reading, it will not read the rest either.
    if (this.client.transport.pendingBytes > 0) this.client.transport.destroy(this.error)
  }

  upstreamOpened(): void {
    this.guard(() => {
      if (this.state === 'connecting') this.sendHead(this.upstream as UpstreamConnection)
    })
  }

  upstreamDrained(): void {
    if (!this.blocked) return
    this.blocked = false
    this.renewDeadline()
    this.client.proceed()
  }

  upstreamData(view: Buffer): void {
    this.guard(() => {
      let at = 0
      while (this.state === 'waiting' && at !== -1 && at < view.length) at = this.#readHead(view, at)
      if (at === -1 || at >= view.length) return
      if (this.state === 'responding') this.#sendResponse(view, at, '')
      else if (this.state === 'uploading') this.#reusable = false
    })
  }

  upstreamOver(error: Error | undefined, closed: boolean): void {
    if (this.state === 'connecting') {
      if (!closed) return
      return this.unreachable(failures.unreachable(error))
    }
    if (this.state === 'waiting') return this.closedEarly(error)
    // An upstream that has only ended its direction may still read.
    if (this.state === 'uploading' && closed) return this.end()
    if (this.state !== 'responding') return
    if (this.upstream?.body.kind === BODY.close && error === undefined && !closed) return this.#finish(0)
    this.fail(failures.brokeOff(error))
  }

  /** Ends the exchange with this error: with an error response if none has begun, otherwise with a visible break. */
  fail(error: HttpError): void {
    if (this.state === 'over') return
    this.error = error
    this.upstream?.destroy()
    if (this.state === 'uploading') {
      this.conclude()
      this.client.linger()
      return
    }
    if (this.state === 'responding') {
      this.conclude()
      // A FIN shows that a length or a chunk is incomplete, and lets the client read what was sent. Without a length or
      // chunks, only a RST shows it.
      if (this.#delimitedByClose) this.client.transport.destroy(error)
      else this.client.linger()
      return
    }
    this.reply(failureReply(this.parts.failure, error, this))
  }

  #readHead(view: Buffer, at: number): number {
    const { limits } = this.parts
    const { reader } = this.upstream as UpstreamConnection
    let end: number
    try {
      end = reader.read(view, at, limits.responseHeadBytes)
    } catch (error) {
      throw failures.badResponse(error)
    }
    if (end === -1) return -1
    const { text, start } = reader
    const response = parseResponseHead(
      text,
      this.head.method,
      this.parts.responseLimits,
      reader.source(view),
      start,
    )
    if (response.status >= 200) this.#respond(response, view, end)
    else if (response.status === 101) this.#upgrade(response, view, end)
    else this.#sendInterim(response)
    return this.state === 'waiting' ? end : -1
  }

  #sendInterim(response: ResponseHead): void {
    const { interimResponses } = this.parts.limits
    if (++this.interim > interimResponses) throw failures.badResponse(new Error('too many interim responses'))
    if (response.status === 100) this.awaitsContinue = false
    this.renewDeadline()
    if (this.head.version === 10) return
    this.client.transport.write(writeResponseHead(response, { connection: '', dechunk: false }))
  }

  #respond(response: ResponseHead, view: Buffer, at: number): void {
    const { head, client } = this
    const upstream = this.upstream as UpstreamConnection
    const dechunk = response.body === BODY.chunked && head.version === 10
    this.#delimitedByClose = dechunk || response.body === BODY.close
    // An early response ends the connection if the app says so, or if the client may not send its body now.
    const early = !client.body.done && (!response.keepAlive || this.awaitsContinue)
    this.#closes = !head.keepAlive || this.#delimitedByClose || early || isEnding(this.parts) || client.ending
    this.#reusable = response.keepAlive && !head.hostless
    upstream.keptMs = response.keptMs
    this.state = 'responding'
    this.status = response.status
    upstream.body.start(response.body, response.length, this.parts.responseLimits)
    if (dechunk) upstream.body.onChunkData = (chunk, from, to) => this.#write('', chunk.subarray(from, to))
    const connection = this.#closes ? 'close' : head.version === 10 ? 'keep-alive' : ''
    const edits = this.chosen?.responseEdits
    this.#sendResponse(view, at, writeResponseHead(response, { edits, connection, dechunk }))
  }

  /** Sends a part of the response's body, after its head if there is one. */
  #sendResponse(view: Buffer, at: number, text: string): void {
    const { body } = this.upstream as UpstreamConnection
    if (body.onChunkData !== undefined) {
      if (text !== '') this.#write(text, undefined)
      this.#took(body.take(view, at), view)
      return
    }
    let end = at
    let failed: unknown
    try {
      end = body.take(view, at)
    } catch (error) {
      failed = error
    }
    if (body.blanks !== undefined) {
      this.#write(text, withoutBlanks(view, at, end, body.blanks))
      return this.#took(end, view)
    }
    const whole = text !== '' && end - at <= SMALL_BYTES
    // As one string: a view and a write of two parts cost more for so few bytes.
    if (whole) this.#write(end === at ? text : text + latin1(view, at, end), undefined)
    else this.#write(text, end === at ? undefined : view.subarray(at, end))
    if (failed !== undefined) throw failures.badResponse(failed)
    this.#took(end, view)
  }

  #took(end: number, view: Buffer): void {
    const { body } = this.upstream as UpstreamConnection
    if (body.done) this.#finish(view.length - end)
    else this.wait(this.waits.responseProgressMs)
  }

  #write(text: string, data: Buffer | undefined): void {
    const { transport } = this.client
    const upstream = (this.upstream as UpstreamConnection).transport
    if (!writeParts(transport, text, data, upstream.stable)) upstream.pause()
  }

  /** The response is complete. The request may not be, and an app that responded early may still want the rest. */
  #finish(surplus: number): void {
    const upstream = this.upstream as UpstreamConnection
    const { client } = this
    this.responseBytes = upstream.body.framedBytes
    if (surplus > 0) this.#reusable = false
    if (client.body.done || this.awaitsContinue || upstream.transport.closed) return this.end()
    this.state = 'uploading'
    if (this.#delimitedByClose) client.transport.end()
    upstream.transport.resume()
    this.renewDeadline()
  }

  protected override end(): void {
    const upstream = this.upstream as UpstreamConnection
    const { client } = this
    if (this.state === 'uploading' && client.body.done) {
      // Many apps close after an early response without announcing it, so the connection is not used again.
      retire(upstream, this.parts.limits.lingerTotalMs)
    } else if (this.#reusable && client.body.done) {
      upstream.user = undefined
      upstream.used = true
      upstream.transport.resume()
      this.parts.pool.put(upstream)
    } else upstream.destroy()
    const close = this.#closes || !client.body.done
    this.conclude()
    if (close) client.linger()
    else client.next()
  }

  #upgrade(response: ResponseHead, view: Buffer, at: number): void {
    if (this.head.upgrade === undefined) {
      throw failures.badResponse(new Error('it switches protocols without a request to do so'))
    }
    // RFC 9110, 7.8: not before the upstream has received the whole request.
    if (!this.client.body.done) {
      throw failures.badResponse(new Error('it switches protocols in the middle of the request'))
    }
    const edits = this.chosen?.responseEdits
    this.status = 101
    this.upgraded = true
    this.client.transport.write(writeResponseHead(response, { edits, connection: 'upgrade', dechunk: false }))
    const upstream = this.upstream as UpstreamConnection
    this.conclude()
    const rest = at < view.length ? view.subarray(at) : undefined
    joinUpgraded(this.client, upstream, rest, this.head.upgrade, this.parts)
  }
}
