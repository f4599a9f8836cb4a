import type {
  ClientHttp2Stream,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  ServerHttp2Stream,
} from 'node:http2'
import type { Timed } from '../http/clock.ts'
import { asHttpError, type HttpError } from '../http/errors.ts'
import * as failures from '../http/failures.ts'
import { BODY } from '../http/fields.ts'
import type { Decision, ExchangeReport, Forward, Reply } from '../http/index.ts'
import { failureReply } from '../http/reply.ts'
import type { ClientSession } from './client-session.ts'
import { CODE, StreamReset } from './errors.ts'
import { fieldObject, isTooLarge, type FieldList, type StreamHead, writeResponseFields } from './head.ts'
import type { Http2Parts } from './parts.ts'
import { patienceMs } from './patience.ts'
import { Replay } from './replay.ts'
import { grpcStatusOf, grpcTrailers, sendReply } from './reply.ts'
import type { SessionWaiter, UpstreamSession } from './upstream.ts'

/** `ending`: all of the answer is given to Node, and not all of it to the client. */
type State = 'routing' | 'connecting' | 'waiting' | 'responding' | 'ending' | 'over'

const END_STREAM = 1
const NO_TRAILERS: OutgoingHttpHeaders = {}

/** One stream on its way: routed, sent to the first candidate that takes it, answered, reported. */
export class StreamExchange implements ExchangeReport, SessionWaiter, Timed {
  readonly head: StreamHead
  readonly client: ClientSession
  deadline = Number.POSITIVE_INFINITY
  decision: Decision | undefined = undefined
  candidate = -1
  status = 0
  requestBytes = 0
  responseBytes = 0
  ms = 0
  readonly upgraded = false
  error: HttpError | undefined = undefined
  readonly #parts: Http2Parts
  readonly #down: ServerHttp2Stream
  readonly #startedAt: number
  #up: ClientHttp2Stream | undefined = undefined
  #session: UpstreamSession | undefined = undefined
  #state: State = 'routing'
  #lastError: HttpError | undefined = undefined
  readonly #replay: Replay
  #requestDone: boolean
  /** The request's body flows. */
  #reading = false
  /** The upstream does not read on. */
  #blocked = false
  /** The client does not read on. */
  #held = false
  #repeated = false
  #interim = 0
  #expected = -1
  #requestTrailers = NO_TRAILERS
  #responseTrailers = NO_TRAILERS

  constructor(down: ServerHttp2Stream, head: StreamHead, client: ClientSession, parts: Http2Parts) {
    this.#down = down
    this.head = head
    this.client = client
    this.#parts = parts
    this.#requestDone = head.body === BODY.none
    this.#replay = new Replay(parts.limits.replayBytes)
    this.#startedAt = performance.now()
    down.on('close', () => this.#clientClosed())
    // They may be here before the upstream is.
    if (!this.#requestDone) {
      down.on('trailers', (_fields: IncomingHttpHeaders, _flags: number, list: unknown) => {
        this.#requestTrailers = fieldObject(list as FieldList, parts.refusesTrailer)
      })
    }
    parts.clock.watch(this)
  }

  begin(): void {
    this.#wait(this.#parts.limits.upstreamResponseMs)
    const { fault } = this.head
    if (fault !== undefined) return this.fail(fault)
    this.#guard(() => this.#follow(this.#parts.route(this.head, this.client)))
  }

  sessionReady(session: UpstreamSession): void {
    if (this.#state === 'connecting') this.#guard(() => this.#send(session))
    else session.release()
  }

  sessionFailed(error: HttpError): void {
    if (this.#state !== 'connecting') return
    this.#lastError = error
    this.#guard(() => this.#tryNext())
  }

  onDeadline(): void {
    const { limits } = this.#parts
    this.deadline = Number.POSITIVE_INFINITY
    if (this.#state === 'ending') {
      return this.#down.close(this.#requestDone ? CODE.cancel : CODE.noError)
    }
    if (this.#state === 'waiting' && !this.#requestDone && !this.#blocked && !this.head.grpc) {
      return this.fail(failures.requestTimeout('no octet of the body', limits.requestProgressMs))
    }
    // Whatever ails its connection, the next request is to have another.
    if (!this.#held) this.#session?.retire()
    this.fail(failures.upstreamTimeout(this.#patienceMs))
    // Who does not read would not read the end of it either.
    if (this.#held && !this.#down.closed) this.#down.close(CODE.cancel)
  }

  /** Ends the exchange with this error: an answer where none was begun, else a visible break. */
  fail(error: HttpError): void {
    if (this.#state === 'over' || this.#state === 'ending') return
    const responding = this.#state === 'responding'
    this.error = error
    this.#leaveUpstream(CODE.cancel)
    if (this.#down.closed) return
    if (error instanceof StreamReset) this.#down.close(error.rstCode)
    else if (!responding) this.#reply(failureReply(this.#parts.failure, error, this))
    else if (this.head.grpc) {
      this.#responseTrailers = grpcTrailers(grpcStatusOf(error.status), error.message)
      this.#endResponse()
    } else this.#down.close(CODE.internalError)
  }

  #follow(decision: Decision | Promise<Decision>): void {
    this.#state = 'routing'
    if ('then' in decision) {
      decision.then(
        (decided) => this.#guard(() => this.#decide(decided)),
        (error: unknown) => this.fail(asHttpError(error)),
      )
    } else this.#decide(decision)
  }

  #decide(decision: Decision): void {
    if (this.#state !== 'routing') return
    this.decision = decision
    if ('candidates' in decision) this.#tryNext()
    else this.#reply(decision)
  }

  #tryNext(): void {
    const forward = this.decision as Forward
    const candidate = forward.candidates[++this.candidate]
    if (candidate !== undefined) {
      this.#state = 'connecting'
      // The pool has a limit for it.
      this.deadline = Number.POSITIVE_INFINITY
      return this.#parts.pool.acquire(candidate.upstream, this)
    }
    this.candidate--
    const error = this.#lastError ?? failures.nowhere()
    const otherwise = forward.otherwise?.(error)
    if (otherwise === undefined) return this.fail(error)
    this.candidate = -1
    this.#wait(this.#parts.limits.upstreamResponseMs)
    this.#follow(otherwise)
  }

  #send(session: UpstreamSession): void {
    const edits = (this.decision as Forward).candidates[this.candidate]?.edits
    const endStream = this.head.body === BODY.none
    const up = session.request(this.head, edits, endStream, this.#parts.via)
    this.#up = up
    this.#session = session
    this.#state = 'waiting'
    up.on('error', () => {})
    up.on('response', (fields: IncomingHttpHeaders, flags: number, list: unknown) =>
      this.#guard(() => this.#respond(up, fields, flags, list as FieldList)),
    )
    up.on('headers', (fields: IncomingHttpHeaders, _flags: number, list: unknown) =>
      this.#guard(() => this.#sendInterim(fields, list as FieldList)),
    )
    up.on('close', () => this.#upstreamClosed(up, session))
    if (!endStream) this.#sendBody(up)
    this.#waitOn()
  }

  #sendBody(up: ClientHttp2Stream): void {
    up.on('wantTrailers', () => up.sendTrailers(this.#requestTrailers))
    up.on('drain', () => {
      if (up !== this.#up) return
      this.#blocked = false
      this.#waitOn()
      this.#down.resume()
    })
    for (const chunk of this.#replay.chunks) up.write(chunk)
    if (this.#requestDone) up.end()
    else if (this.#reading) this.#down.resume()
    else this.#readBody()
  }

  #readBody(): void {
    const down = this.#down
    this.#reading = true
    down.on('data', (chunk: Buffer) => this.#requestData(chunk))
    down.on('end', () => {
      // The end of a stream that was reset is not the end of its request.
      if (down.aborted) return
      this.#requestDone = true
      this.#up?.end()
      if (this.#state === 'waiting') this.#waitOn()
      else if (this.#state === 'ending') this.#wait(this.#parts.limits.responseProgressMs)
    })
  }

  #requestData(chunk: Buffer): void {
    this.requestBytes += chunk.length
    const up = this.#up
    if (up === undefined || up.closed) return
    if (this.#state === 'waiting') this.#replay.keep(chunk)
    if (!up.write(chunk)) {
      this.#blocked = true
      this.#down.pause()
    }
    this.#waitOn()
  }

  #sendInterim(fields: IncomingHttpHeaders, list: FieldList): void {
    if (this.#state !== 'waiting' || this.#down.closed) return
    if (++this.#interim > this.#parts.limits.interimResponses) {
      throw failures.badResponse(new Error('too many interim responses'))
    }
    this.#waitOn()
    const status = Number(fields[':status'])
    if (status === 101) throw failures.badResponse(new Error('101 is not for HTTP/2'))
    this.#down.additionalHeaders({ ':status': status, ...fieldObject(list) })
  }

  #respond(up: ClientHttp2Stream, fields: IncomingHttpHeaders, flags: number, list: FieldList): void {
    if (this.#state !== 'waiting' || up !== this.#up || this.#down.closed) return
    if (isTooLarge(list, this.#parts.limits.headBytes)) {
      throw failures.badResponse(new Error('its head is too large'))
    }
    const status = Number(fields[':status'])
    const bodiless = status === 204 || status === 205 || status === 304 || this.head.method === 'HEAD'
    const endStream = bodiless || (flags & END_STREAM) !== 0
    const edits = (this.decision as Forward).candidates[this.candidate]?.responseEdits
    const options = { endStream, waitForTrailers: !endStream, sendDate: false }
    try {
      this.#down.respond(writeResponseFields(list, status, edits), options)
    } catch (error) {
      throw failures.badResponse(error)
    }
    this.#replay.drop()
    this.status = status
    this.#state = 'responding'
    if (endStream) {
      up.resume()
      return this.#answered()
    }
    if (fields['content-length'] !== undefined) this.#expected = Number(fields['content-length'])
    this.#sendResponse(up)
    this.#waitOn()
  }

  #sendResponse(up: ClientHttp2Stream): void {
    const down = this.#down
    up.on('data', (chunk: Buffer) => {
      if (down.closed || this.#state !== 'responding') return
      this.responseBytes += chunk.length
      if (!down.write(chunk)) {
        this.#held = true
        up.pause()
      }
      this.#waitOn()
    })
    down.on('drain', () => {
      this.#held = false
      if (this.#state !== 'responding') return
      this.#waitOn()
      up.resume()
    })
    up.on('trailers', (_fields: IncomingHttpHeaders, _flags: number, list: unknown) => {
      this.#responseTrailers = fieldObject(list as FieldList)
    })
    up.on('end', () => {
      // A stream that was reset ends, too; and so does one whose reset says "no error".
      if (this.#state !== 'responding' || up.rstCode !== CODE.noError) return
      if (this.#expected === -1 || this.#expected === this.responseBytes) this.#endResponse()
    })
  }

  /** Ends the response with its trailers. */
  #endResponse(): void {
    const down = this.#down
    down.on('wantTrailers', () => down.sendTrailers(this.#responseTrailers))
    down.end()
    this.#answered()
  }

  /** The upstream has said all; a client that has not may end its request, and then it is over. */
  #answered(): void {
    const { limits } = this.#parts
    this.#state = 'ending'
    this.#replay.drop()
    if (this.#requestDone) return this.#wait(limits.responseProgressMs)
    this.#leaveUpstream(CODE.noError)
    this.#wait(limits.lingerMs)
    if (this.#reading) this.#down.resume()
    else this.#readBody()
  }

  #reply(reply: Reply): void {
    if (this.#down.closed) return
    this.status = this.head.grpc ? 200 : reply.status
    this.responseBytes = sendReply(this.#down, reply, this.head)
    this.#answered()
  }

  #leaveUpstream(code: number): void {
    const up = this.#up
    this.#up = undefined
    up?.close(code)
  }

  #upstreamClosed(up: ClientHttp2Stream, session: UpstreamSession): void {
    session.release()
    if (up !== this.#up) return
    this.#up = undefined
    if (this.#state === 'waiting') this.#closedEarly(up, session)
    else if (this.#state === 'responding') {
      this.fail(
        session.dead || up.rstCode === CODE.noError
          ? failures.brokeOff(undefined)
          : new StreamReset(up.rstCode),
      )
    }
  }

  /** No answer came: sent again where nobody looked at it, or where it is safe to repeat. */
  #closedEarly(up: ClientHttp2Stream, session: UpstreamSession): void {
    const { rstCode } = up
    const unseen = rstCode === CODE.refusedStream || (up.id ?? 0) > session.lastStreamId
    const error = session.dead || unseen ? failures.closedEarly(undefined) : new StreamReset(rstCode)
    const repeatable = unseen || (session.dead && this.head.repeatable)
    if (!repeatable || !this.#replay.whole || this.#interim > 0) return this.fail(error)
    this.#lastError = error
    this.#down.pause()
    // A kept connection that was about to end says nothing of the upstream: it is asked once more.
    if (session.used && !this.#repeated) {
      this.#repeated = true
      this.candidate--
    }
    this.#guard(() => this.#tryNext())
  }

  #clientClosed(): void {
    if (this.#state === 'over') return
    const { rstCode } = this.#down
    if (this.#state !== 'ending' || (rstCode !== CODE.noError && !this.#down.writableFinished)) {
      this.error ??= failures.clientGone('the client left before its answer was complete')
    }
    this.#leaveUpstream(rstCode === CODE.noError ? CODE.cancel : rstCode)
    this.#replay.drop()
    this.#state = 'over'
    this.#parts.clock.unwatch(this)
    this.ms = performance.now() - this.#startedAt
    this.#parts.observer.exchangeDone?.(this)
    this.client.streamOver(this.error?.code === 'BL_HTTP_CLIENT_GONE')
  }

  get #patienceMs(): number {
    const waiting = {
      grpc: this.head.grpc,
      responding: this.#state === 'responding',
      requestDone: this.#requestDone,
      blocked: this.#blocked,
      held: this.#held,
    }
    return patienceMs(waiting, this.#parts.limits)
  }

  #waitOn(): void {
    this.#wait(this.#patienceMs)
  }

  #wait(waitMs: number): void {
    this.deadline = this.#parts.clock.in(waitMs)
  }

  #guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.fail(asHttpError(error))
    }
  }
}
