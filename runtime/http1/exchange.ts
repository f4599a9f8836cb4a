import { withoutBlanks } from './message/body.ts'
import { writeResponseHead } from './message/edits.ts'
import { isEnding } from './parts.ts'
import type { HttpError } from '../proxy/errors.ts'
import * as failures from '../proxy/failures.ts'
import { BODY } from './message/fields.ts'
import { parseResponseHead, type ResponseHead } from './message/head.ts'
import { latin1 } from '../transport/latin1.ts'
import { failureReply } from '../proxy/reply.ts'
import { RequestSide } from './request-side.ts'
import { writeParts } from '../transport/transport.ts'
import { joinUpgraded } from './upgrade.ts'
import { retire } from './retire.ts'
import type { UpstreamConnection } from './upstream-connection.ts'

/** Up to so many bytes of a body go out in one string with their head. */
const SMALL_BYTES = 4096

/** One request on its way: routed, sent to the first candidate that can be reached, answered, reported. */
export class Exchange extends RequestSide {
  #closes = false
  /** The response ends with the client's connection: only an abort can tell that it is incomplete. */
  #delimitedByClose = false
  #reusable = false

  clientDrained(): void {
    if (this.state !== 'responding') return
    this.waitOn()
    this.upstream?.transport.resume()
  }

  /**
   * The client has ended its direction (a FIN). One that does so right behind its request sends nothing more and
   * waits for its answer; one that does so later has left. `unread`: bytes of it wait to be read.
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

  /** The client has left, as far as can be told. */
  #abandon(): void {
    this.clientGone()
    this.client.cut()
  }

  clientGone(): void {
    if (this.state === 'over') return
    this.upstream?.destroy()
    // A client that has its whole answer may keep the rest of its request to itself.
    if (this.state !== 'uploading') {
      this.error = failures.clientGone('the client left before its answer was complete')
    }
    this.conclude()
  }

  timedOut(): void {
    const { limits } = this.parts
    const state = this.state
    if (state === 'connecting') return this.unreachable(failures.connectTimeout(limits.upstreamConnectMs))
    if (state === 'uploading') return this.end()
    if (this.client.ended) return this.#abandon()
    if (state === 'waiting' && this.owes100) return this.fail(failures.owes100(this.waits.upstreamResponseMs))
    if (state === 'waiting' && !this.client.body.done && !this.blocked) {
      return this.fail(failures.requestTimeout('no byte of the body', limits.requestProgressMs))
    }
    if (state !== 'responding') return this.fail(failures.upstreamTimeout(this.waits.upstreamResponseMs))
    this.fail(failures.upstreamTimeout(this.waits.responseProgressMs))
    // Where it is the client who stands still, it will not read the rest either.
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
    this.waitOn()
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
    // One that has only ended its direction may still read.
    if (this.state === 'uploading' && closed) return this.end()
    if (this.state !== 'responding') return
    if (this.upstream?.body.kind === BODY.close && error === undefined && !closed) return this.#finish(0)
    this.fail(failures.brokeOff(error))
  }

  /** Ends the exchange with this error: an answer where none was begun, else a visible break. */
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
      // After a FIN an incomplete length or chunk is seen, and what was sent arrives; else only a RST tells.
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
      reader.octets(view),
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
    if (response.status === 100) this.owes100 = false
    this.waitOn()
    if (this.head.version === 10) return
    this.client.transport.write(writeResponseHead(response, { connection: '', dechunk: false }))
  }

  #respond(response: ResponseHead, view: Buffer, at: number): void {
    const { head, client } = this
    const upstream = this.upstream as UpstreamConnection
    const dechunk = response.body === BODY.chunked && head.version === 10
    this.#delimitedByClose = dechunk || response.body === BODY.close
    // An early answer ends the connection where the app says so, or where the client need not send its body now.
    const early = !client.body.done && (!response.keepAlive || this.owes100)
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

  /** Sends a part of the response's body, behind its head where that is given. */
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
    // As one string: a view, and a write of two parts, cost more than so few octets.
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

  /** The response is complete; the request may not be, and an app that has answered early may still want it. */
  #finish(surplus: number): void {
    const upstream = this.upstream as UpstreamConnection
    const { client } = this
    this.responseBytes = upstream.body.octets
    if (surplus > 0) this.#reusable = false
    if (client.body.done || this.owes100 || upstream.transport.closed) return this.end()
    this.state = 'uploading'
    if (this.#delimitedByClose) client.transport.end()
    upstream.transport.resume()
    this.waitOn()
  }

  protected override end(): void {
    const upstream = this.upstream as UpstreamConnection
    const { client } = this
    if (this.state === 'uploading' && client.body.done) {
      // Many an app closes behind an early answer without saying so: its connection is not used again.
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
      throw failures.badResponse(new Error('it switches protocols unasked'))
    }
    // RFC 9110, 7.8: not before it has received the whole request.
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
