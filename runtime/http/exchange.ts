import type { ClientConnection } from './client-connection.ts'
import type { Candidate, Decision, Forward, Reply } from './decision.ts'
import { writeRequestHead, writeResponseHead } from './edits.ts'
import { type EngineParts, isEnding } from './parts.ts'
import { asHttpError, type HttpError } from './errors.ts'
import * as failures from './failures.ts'
import { BODY } from './fields.ts'
import { parseResponseHead, type RequestHead, type ResponseHead } from './head.ts'
import { latin1 } from './latin1.ts'
import { failureReply, lastHop, writeReply } from './reply.ts'
import { writeParts } from './transport.ts'
import { Report } from './report.ts'
import { joinUpgraded } from './upgrade.ts'
import { UpstreamConnection, type UpstreamUser } from './upstream-connection.ts'

/** Up to so many octets of a body go out in one string with their head. */
const SMALL_BYTES = 4096

type State = 'routing' | 'connecting' | 'waiting' | 'responding' | 'over'

/** One request on its way: routed, sent to the first candidate that can be reached, answered, reported. */
export class Exchange extends Report implements UpstreamUser {
  /** The client is not read since the upstream does not keep up. */
  blocked = false
  readonly #parts: EngineParts
  #state: State = 'routing'
  #upstream: UpstreamConnection | undefined = undefined
  #lastError: HttpError | undefined = undefined
  /** The request's head, kept back to be sent with the first octets of its body. */
  #unsent = ''
  #freshOnly = false
  #interim = 0
  #closes = false
  /** The response ends with the client's connection: only an abort can tell that it is incomplete. */
  #delimitedByClose = false
  #reusable = false

  constructor(client: ClientConnection, head: RequestHead, parts: EngineParts) {
    super(client, head, parts.observer)
    this.#parts = parts
  }

  /** True where the upstream is there and the request's body goes on. */
  get takesBody(): boolean {
    return (this.#state === 'waiting' || this.#state === 'responding') && !this.client.body.done
  }

  begin(): void {
    this.#wait(this.#parts.limits.upstreamResponseMs)
    if (this.head.maxForwards === 0) return this.#reply(lastHop(this.head.method))
    this.#follow(this.#parts.route(this.head, this.client))
  }

  #follow(decision: Decision | Promise<Decision>): void {
    this.#state = 'routing'
    if ('then' in decision) {
      decision.then(
        (decided) => this.#guard(() => this.#decideLate(decided)),
        (error: unknown) => this.fail(asHttpError(error)),
      )
    } else this.#decide(decision)
  }

  /** Sends a part of the request's body; returns the index after it. */
  sendBody(view: Buffer, at: number): number {
    const { transport, body } = this.client
    const upstream = this.#upstream as UpstreamConnection
    const end = body.take(view, at)
    const part = at === 0 && end === view.length ? view : view.subarray(at, end)
    const head = this.#unsent
    this.#unsent = ''
    const room = writeParts(upstream.transport, head, part, transport.stable)
    if (!room && !body.done) {
      this.blocked = true
      transport.pause()
    }
    this.#waitOn()
    return end
  }

  /** Sends a head that waited for a body, of which nothing is here yet. */
  flush(): void {
    if (this.#unsent === '' || this.#upstream === undefined) return
    this.#upstream.transport.write(this.#unsent)
    this.#unsent = ''
  }

  clientDrained(): void {
    if (this.#state !== 'responding') return
    this.#waitOn()
    this.#upstream?.transport.resume()
  }

  clientEnded(): void {
    const { decision } = this
    if (this.#state === 'routing' && decision !== undefined && 'candidates' in decision)
      decision.clientEnded?.()
    if (this.client.body.done) return
    this.fail(failures.clientGone('the client ended in the middle of its request'))
  }

  clientGone(): void {
    if (this.#state === 'over') return
    this.#upstream?.destroy()
    this.error = failures.clientGone('the client left before its answer was complete')
    this.#report()
  }

  timedOut(): void {
    const { limits } = this.#parts
    const state = this.#state
    if (state === 'connecting') return this.#unreachable(failures.connectTimeout(limits.upstreamConnectMs))
    if (state === 'waiting' && !this.client.body.done && !this.blocked) {
      return this.fail(failures.requestTimeout('no octet of the body', limits.requestProgressMs))
    }
    if (state !== 'responding') return this.fail(failures.upstreamTimeout(limits.upstreamResponseMs))
    this.fail(failures.upstreamTimeout(limits.responseProgressMs))
    // Where it is the client who stands still, it will not read the rest either.
    if (this.client.transport.pendingBytes > 0) this.client.transport.destroy(this.error)
  }

  upstreamOpened(): void {
    this.#guard(() => {
      if (this.#state !== 'connecting') return
      this.#sendHead(this.#upstream as UpstreamConnection)
      if (!this.client.body.done) this.client.proceed()
      this.flush()
    })
  }

  upstreamDrained(): void {
    if (!this.blocked) return
    this.blocked = false
    this.#waitOn()
    this.client.proceed()
  }

  upstreamData(view: Buffer): void {
    this.#guard(() => {
      let at = 0
      while (this.#state === 'waiting' && at !== -1 && at < view.length) at = this.#readHead(view, at)
      if (this.#state === 'responding' && at !== -1 && at < view.length) this.#sendResponse(view, at, '')
    })
  }

  upstreamOver(error: Error | undefined, closed: boolean): void {
    if (this.#state === 'connecting') {
      if (!closed) return
      return this.#unreachable(failures.unreachable(error))
    }
    if (this.#state === 'waiting') return this.#closedEarly(error)
    if (this.#state !== 'responding') return
    if (this.#upstream?.body.kind === BODY.close && error === undefined && !closed) return this.#finish(0)
    this.fail(failures.brokeOff(error))
  }

  /** Ends the exchange with this error: an answer where none was begun, else a visible break. */
  fail(error: HttpError): void {
    if (this.#state === 'over') return
    this.error = error
    this.#upstream?.destroy()
    if (this.#state === 'responding') {
      this.#report()
      // After a FIN an incomplete length or chunk is seen, and what was sent arrives; else only a RST tells.
      if (this.#delimitedByClose) this.client.transport.destroy(error)
      else this.client.linger()
      return
    }
    this.#reply(failureReply(this.#parts.failure, error, this))
  }

  #decide(decision: Decision): void {
    if (this.#state === 'over') return
    this.decision = decision
    if ('candidates' in decision) this.#tryNext(decision)
    else this.#reply(decision)
  }

  /** A pooled connection takes at once what was held of the body meanwhile. */
  #decideLate(decision: Decision): void {
    this.#decide(decision)
    if (this.takesBody) this.client.proceed()
    this.flush()
  }

  #reply(reply: Reply): void {
    const { head, client } = this
    const close = !head.keepAlive || !client.body.done || isEnding(this.#parts) || client.ended
    this.status = reply.status
    this.responseBytes =
      typeof reply.body === 'string' ? Buffer.byteLength(reply.body) : (reply.body?.length ?? 0)
    client.transport.write(writeReply(reply, head, close))
    this.#report()
    if (close) client.linger()
    else client.next()
  }

  #tryNext(forward: Forward): void {
    this.candidate++
    const candidate = forward.candidates[this.candidate]
    if (candidate !== undefined) return this.#connect(candidate)
    this.candidate--
    const error = this.#lastError ?? failures.nowhere()
    const otherwise = forward.otherwise?.(error)
    if (otherwise === undefined) return this.fail(error)
    this.candidate = -1
    this.#wait(this.#parts.limits.upstreamResponseMs)
    this.#follow(otherwise)
  }

  #connect({ upstream }: Candidate): void {
    const { pool, limits } = this.#parts
    const pooled = this.#freshOnly ? undefined : pool.take(upstream, this.head.repeatable)
    if (pooled !== undefined) {
      pooled.user = this
      this.#upstream = pooled
      return this.#sendHead(pooled)
    }
    const connection = new UpstreamConnection(upstream.dial(), upstream.key)
    connection.user = this
    this.#upstream = connection
    this.#state = 'connecting'
    this.#wait(limits.upstreamConnectMs)
    if (connection.transport.opened) this.#sendHead(connection)
  }

  #sendHead(upstream: UpstreamConnection): void {
    const { via } = this.#parts
    const text = writeRequestHead(
      this.head,
      this.#candidate?.edits,
      this.head.version === 11 ? via[11] : via[10],
    )
    this.#state = 'waiting'
    if (this.client.body.done) upstream.transport.write(text)
    else this.#unsent = text
    this.#waitOn()
  }

  #unreachable(error: HttpError): void {
    this.#upstream?.destroy()
    this.#lastError = error
    this.#freshOnly = false
    this.#guard(() => this.#tryNext(this.decision as Forward))
  }

  /** Nothing of an answer came: tried again where the request is safe to repeat, once over a fresh connection. */
  #closedEarly(cause: Error | undefined): void {
    const upstream = this.#upstream as UpstreamConnection
    const { reader, used } = upstream
    const error = failures.closedEarly(cause)
    if (!this.head.repeatable || reader.started || this.#interim > 0) return this.fail(error)
    if (!used || this.#freshOnly) return this.#unreachable(error)
    upstream.destroy()
    this.#freshOnly = true
    this.#guard(() => this.#connect(this.#candidate as Candidate))
  }

  #readHead(view: Buffer, at: number): number {
    const { limits } = this.#parts
    const { reader } = this.#upstream as UpstreamConnection
    let end: number
    try {
      end = reader.read(view, at, limits.headBytes)
    } catch (error) {
      throw failures.badResponse(error)
    }
    if (end === -1) return -1
    const { text, start } = reader
    const response = parseResponseHead(text, this.head.method, limits, reader.octets(view), start)
    if (response.status >= 200) this.#respond(response, view, end)
    else if (response.status === 101) this.#upgrade(response, view, end)
    else this.#sendInterim(response)
    return this.#state === 'waiting' ? end : -1
  }

  #sendInterim(response: ResponseHead): void {
    const { interimResponses } = this.#parts.limits
    if (++this.#interim > interimResponses)
      throw failures.badResponse(new Error('too many interim responses'))
    this.#waitOn()
    if (this.head.version === 10) return
    this.client.transport.write(writeResponseHead(response, { connection: '', dechunk: false }))
  }

  #respond(response: ResponseHead, view: Buffer, at: number): void {
    const { head, client } = this
    const upstream = this.#upstream as UpstreamConnection
    const dechunk = response.body === BODY.chunked && head.version === 10
    this.#delimitedByClose = dechunk || response.body === BODY.close
    this.#closes =
      !head.keepAlive || this.#delimitedByClose || !client.body.done || isEnding(this.#parts) || client.ended
    this.#reusable = response.keepAlive
    upstream.keptMs = response.keptMs
    this.#state = 'responding'
    this.status = response.status
    upstream.body.start(response.body, response.length, this.#parts.limits)
    if (dechunk) upstream.body.onChunkData = (chunk, from, to) => this.#write('', chunk.subarray(from, to))
    const connection = this.#closes ? 'close' : head.version === 10 ? 'keep-alive' : ''
    const edits = this.#candidate?.responseEdits
    this.#sendResponse(view, at, writeResponseHead(response, { edits, connection, dechunk }))
  }

  /** Sends a part of the response's body, behind its head where that is given. */
  #sendResponse(view: Buffer, at: number, text: string): void {
    const { body } = this.#upstream as UpstreamConnection
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
    const whole = text !== '' && end - at <= SMALL_BYTES
    // As one string: a view, and a write of two parts, cost more than so few octets.
    if (whole) this.#write(end === at ? text : text + latin1(view, at, end), undefined)
    else this.#write(text, end === at ? undefined : view.subarray(at, end))
    if (failed !== undefined) throw failures.badResponse(failed)
    this.#took(end, view)
  }

  #took(end: number, view: Buffer): void {
    const { body } = this.#upstream as UpstreamConnection
    if (body.done) this.#finish(view.length - end)
    else this.#wait(this.#parts.limits.responseProgressMs)
  }

  #write(text: string, data: Buffer | undefined): void {
    const { transport } = this.client
    const upstream = (this.#upstream as UpstreamConnection).transport
    if (!writeParts(transport, text, data, upstream.stable)) upstream.pause()
  }

  #finish(surplus: number): void {
    const upstream = this.#upstream as UpstreamConnection
    const { client } = this
    this.responseBytes = upstream.body.octets
    if (surplus === 0 && this.#reusable && client.body.done && this.#unsent === '') {
      upstream.user = undefined
      upstream.used = true
      upstream.transport.resume()
      this.#parts.pool.put(upstream)
    } else upstream.destroy()
    const close = this.#closes || !client.body.done
    this.#report()
    if (close) client.linger()
    else client.next()
  }

  #upgrade(response: ResponseHead, view: Buffer, at: number): void {
    if (this.head.upgrade === undefined) {
      throw failures.badResponse(new Error('it switches protocols unasked'))
    }
    const edits = this.#candidate?.responseEdits
    this.status = 101
    this.upgraded = true
    this.client.transport.write(writeResponseHead(response, { edits, connection: 'upgrade', dechunk: false }))
    const upstream = this.#upstream as UpstreamConnection
    this.#report()
    const rest = at < view.length ? view.subarray(at) : undefined
    joinUpgraded(this.client, upstream, rest, this.head.upgrade, this.#parts)
  }

  get #candidate(): Candidate | undefined {
    const { decision } = this
    return decision && 'candidates' in decision ? decision.candidates[this.candidate] : undefined
  }

  #wait(waitMs: number): void {
    this.client.deadline = this.#parts.clock.in(waitMs)
  }

  /** Something moved: whoever's turn it is has its time anew. */
  #waitOn(): void {
    const { limits } = this.#parts
    if (this.#state === 'responding') this.#wait(limits.responseProgressMs)
    else if (this.client.body.done || this.blocked) this.#wait(limits.upstreamResponseMs)
    else this.#wait(limits.requestProgressMs)
  }

  #guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.fail(asHttpError(error))
    }
  }

  #report(): void {
    this.#state = 'over'
    this.report(this.#parts.observer)
  }
}
