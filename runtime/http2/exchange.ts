import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Timed } from '../proxy/clock.ts'
import { nextCandidate } from '../proxy/candidates.ts'
import { asHttpError, type HttpError } from '../proxy/errors.ts'
import * as failures from '../proxy/failures.ts'
import type { Candidate, Decision, ExchangeReport, Forward, Reply, ResponseWaits } from '../proxy/decision.ts'
import { failureReply } from '../proxy/reply.ts'
import { checkResponseHead, failureOf, outcomeOf, tooManyHeads } from './stream-outcome.ts'
import { CODE, StreamReset } from './errors.ts'
import { fieldObject, type FieldList, type StreamHead, writeResponseFields } from './head.ts'
import { type Http2Parts, sourceOf } from './parts.ts'
import { countHeld } from './held-response.ts'
import { streamTimeoutMs } from './stream-timeout.ts'
import { grpcStatusOf, grpcTrailers, sendReply } from './reply.ts'
import type { StreamClient } from './stream-client.ts'
import { NO_TRAILERS, Upload, type UploadOwner } from './upload.ts'
import type { SessionWaiter, UpstreamLink, UpstreamStream } from './upstream-stream.ts'

/**
 * `ending`: Node has all of the response, but the client does not yet, or the request continues. `flushing`: the
 * client's side is over, and the upstream has not taken all of the request yet.
 */
type State = 'routing' | 'connecting' | 'waiting' | 'responding' | 'ending' | 'flushing' | 'over'

const END_STREAM = 1

/** One stream: routed, sent to the first candidate that accepts it, responded to, and reported. */
export class StreamExchange implements ExchangeReport, SessionWaiter, Timed, UploadOwner {
  readonly head: StreamHead
  readonly client: StreamClient
  deadline = Number.POSITIVE_INFINITY
  decision: Decision | undefined = undefined
  candidate = -1
  reached: Candidate | undefined = undefined
  status = 0
  responseBytes = 0
  ms = 0
  readonly upgraded = false
  error: HttpError | undefined = undefined
  readonly #parts: Http2Parts
  readonly #down: ServerHttp2Stream
  readonly #upload: Upload
  readonly #startedAt: number
  #up: UpstreamStream | undefined = undefined
  #session: UpstreamLink | undefined = undefined
  #state: State = 'routing'
  #lastError: HttpError | undefined = undefined
  /** The candidate that may have processed the request and sent no response. */
  #lostTo: Candidate | undefined = undefined
  #repeated = false
  #waits: ResponseWaits
  /** The client does not read. */
  #held = false
  /** The client has not read for {@link Http2Limits.heldMs}. */
  #stalled = false
  #interim = 0
  #expected = -1
  #trailers = NO_TRAILERS

  constructor(down: ServerHttp2Stream, head: StreamHead, client: StreamClient, parts: Http2Parts) {
    this.#down = down
    this.head = head
    this.client = client
    this.#parts = parts
    this.#waits = parts.limits
    this.#upload = new Upload(down, !head.hasBody, parts, this)
    this.#startedAt = performance.now()
    down.on('close', () => this.#clientClosed())
    parts.clock.watch(this)
  }

  get repeats(): boolean {
    return this.#repeated || this.#lostTo !== undefined
  }

  get requestBytes(): number {
    return this.#upload.bytes
  }

  begin(): void {
    this.#wait(this.#parts.limits.upstreamResponseMs)
    const { fault } = this.head
    if (fault !== undefined) return this.fail(fault)
    this.#guard(() => this.#follow(this.#parts.route(this.head, this.client)))
  }

  sessionReady(session: UpstreamLink): void {
    if (this.#state === 'connecting') this.#guard(() => this.#send(session))
    else session.release()
  }

  sessionFailed(error: HttpError): void {
    if (this.#state !== 'connecting') return
    // Once the request may have been processed, the client must learn that.
    if (this.#lostTo === undefined) this.#lastError = error
    this.#guard(() => this.#tryNext())
  }

  uploadMoved(bytes: number): void {
    this.client.moved(bytes)
    if (this.#up !== undefined) this.#wait()
  }

  uploadEnded(): void {
    if (this.#state === 'waiting' || this.#state === 'ending') this.#wait()
  }

  onDeadline(): void {
    const { limits } = this.#parts
    const down = this.#down
    this.deadline = Number.POSITIVE_INFINITY
    if (this.#state === 'flushing') return this.#leaveUpstream(CODE.cancel)
    if (this.#state === 'ending') return down.close(down.writableFinished ? CODE.noError : CODE.cancel)
    if (this.#held && !this.#stalled && limits.heldMs < this.#waits.responseProgressMs) return this.#stall()
    if (this.#state === 'waiting' && !this.#upload.done && !this.#upload.blocked && !this.head.grpc) {
      return this.fail(failures.requestTimeout('no byte of the body', limits.requestProgressMs))
    }
    // The cause may be the connection, so the next request gets another.
    if (!this.#held) this.#session?.retire()
    this.fail(failures.upstreamTimeout(this.#timeoutMs))
    // A client that does not read would not read the end either.
    if (this.#held && !down.closed) down.close(CODE.cancel)
  }

  /** Ends the exchange with this error: with an error response if none has begun, otherwise with a visible break. */
  fail(error: HttpError): void {
    if (this.#state === 'over' || this.#state === 'flushing' || this.#state === 'ending') return
    const responding = this.#state === 'responding'
    this.error = error
    this.#leaveUpstream(CODE.cancel)
    if (this.#down.closed) return
    if (error instanceof StreamReset) this.#down.close(error.rstCode)
    else if (!responding) this.#reply(failureReply(this.#parts.failure, error, this))
    else if (this.head.grpc) {
      this.#trailers = grpcTrailers(grpcStatusOf(error.status), error.message)
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

  #tryNext(after = this.candidate): void {
    const forward = this.decision as Forward
    const index = nextCandidate(forward.candidates, after, this.#lostTo)
    const candidate = forward.candidates[index]
    if (candidate !== undefined) {
      this.candidate = index
      this.#waits = candidate.waits ?? this.#parts.limits
      this.#state = 'connecting'
      this.#upload.bodyBytes = forward.bodyBytes
      // The pool has a limit for it.
      this.deadline = Number.POSITIVE_INFINITY
      return sourceOf(this.#parts, candidate).acquire(candidate.upstream, this)
    }
    const error = this.#lastError ?? failures.noCandidate()
    const otherwise = forward.otherwise?.(error)
    if (otherwise === undefined) return this.fail(error)
    this.candidate = -1
    this.#wait(this.#parts.limits.upstreamResponseMs)
    this.#follow(otherwise)
  }

  #send(session: UpstreamLink): void {
    const candidate = (this.decision as Forward).candidates[this.candidate]
    const endStream = !this.head.hasBody
    const up = session.request(this.head, candidate?.edits, endStream, this.#parts.via)
    this.reached = candidate
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
    if (!endStream) this.#upload.sendTo(up)
    this.#wait()
  }

  #sendInterim(fields: IncomingHttpHeaders, list: FieldList): void {
    if (this.#state !== 'waiting' || this.#down.closed) return
    const { interimResponses } = this.#parts.limits
    if (++this.#interim > interimResponses) throw tooManyHeads(interimResponses)
    this.#wait()
    const status = Number(fields[':status'])
    if (status === 101) throw failures.badResponse(new Error('HTTP/2 has no status 101'))
    this.#down.additionalHeaders({ ':status': status, ...fieldObject(list) })
    this.client.moved(0)
  }

  #respond(up: UpstreamStream, fields: IncomingHttpHeaders, flags: number, list: FieldList): void {
    if (this.#state !== 'waiting' || up !== this.#up || this.#down.closed) return
    checkResponseHead(list, this.#parts.limits)
    const status = Number(fields[':status'])
    const bodiless = status === 204 || status === 205 || status === 304 || this.head.method === 'HEAD'
    const endStream = bodiless || (flags & END_STREAM) !== 0
    const edits = (this.decision as Forward).candidates[this.candidate]?.responseEdits
    const options = { endStream, waitForTrailers: !endStream, sendDate: false }
    if (endStream) this.#upload.outlive()
    else this.#upload.keepNothing()
    try {
      this.#down.respond(writeResponseFields(list, status, edits), options)
    } catch (error) {
      throw failures.badResponse(error)
    }
    this.client.moved(0)
    this.status = status
    this.#state = 'responding'
    if (endStream) {
      up.resume()
      return this.#responded()
    }
    if (fields['content-length'] !== undefined) this.#expected = Number(fields['content-length'])
    this.#sendResponse(up)
    this.#wait()
  }

  #sendResponse(up: UpstreamStream): void {
    const down = this.#down
    up.on('data', (chunk: Buffer) => {
      if (down.closed || this.#state !== 'responding') return
      this.responseBytes += chunk.length
      this.client.moved(chunk.length)
      if (!down.write(chunk)) {
        this.#held = true
        countHeld(down)
        up.pause()
      }
      this.#wait()
    })
    down.on('drain', () => {
      this.#held = false
      this.#stalled = false
      if (this.#state !== 'responding') return
      this.#wait()
      up.resume()
    })
    up.on('trailers', (_fields: IncomingHttpHeaders, _flags: number, list: unknown) => {
      this.#trailers = fieldObject(list as FieldList)
    })
    up.on('end', () => {
      // A stream that was reset also ends, even if the reset says "no error".
      if (this.#state !== 'responding' || up.rstCode !== CODE.noError) return
      if (this.#expected === -1 || this.#expected === this.responseBytes) this.#endResponse()
    })
  }

  /** Ends the response with its trailers. */
  #endResponse(): void {
    const down = this.#down
    this.#upload.outlive()
    down.on('wantTrailers', () => down.sendTrailers(this.#trailers))
    down.end()
    this.#responded()
  }

  /** The response is complete. The rest of the request goes to the upstream if it reads, else it is dropped. */
  #responded(): void {
    this.#state = 'ending'
    if (this.#up === undefined) this.#upload.drop()
    this.#wait()
  }

  #reply(reply: Reply): void {
    if (this.#down.closed) return
    this.status = this.head.grpc ? 200 : reply.status
    this.#upload.outlive()
    this.responseBytes = sendReply(this.#down, reply, this.head)
    this.client.moved(this.responseBytes)
    this.#responded()
  }

  /** The client does not read, so its app may refuse the streams of other clients on the same connection. */
  #stall(): void {
    this.#stalled = true
    this.#session?.replace()
    this.#wait()
  }

  #leaveUpstream(code: number): void {
    const up = this.#up
    this.#up = undefined
    if (up === undefined || up.closed) return
    // Node's servers never forget what they had buffered of such a response, and finally refuse all streams.
    if (
      this.#state === 'responding' &&
      (this.#held || this.responseBytes >= this.#parts.limits.abandonedBytes)
    ) {
      this.#session?.replace()
    }
    this.#session?.countReset()
    up.close(code)
  }

  #upstreamClosed(up: UpstreamStream, session: UpstreamLink): void {
    const { used } = session
    session.release()
    if (up !== this.#up) return
    this.#up = undefined
    if (session.fault !== undefined) this.fail(session.fault)
    else if (this.#state === 'waiting') this.#closedEarly(up, session, used)
    else if (this.#state === 'responding') {
      this.fail(
        session.dead || up.rstCode === CODE.noError
          ? failures.brokeOff(undefined)
          : new StreamReset(up.rstCode),
      )
    } else if (this.#state === 'ending' && !this.#upload.done) {
      this.#upload.drop()
      this.#wait()
    } else if (this.#state === 'flushing') this.#over()
  }

  /** No response came. Repeats a request that was not processed, and once one that may be and is safe to repeat. */
  #closedEarly({ rstCode, id = 0 }: UpstreamStream, session: UpstreamLink, used: boolean): void {
    const outcome = outcomeOf(rstCode, id, session)
    const calm = rstCode === CODE.enhanceYourCalm
    if (calm) session.replace()
    const error = failureOf(outcome, rstCode, session)
    const once = outcome === 'unknown' && this.head.repeatable && this.#lostTo === undefined
    const repeatable = (outcome === 'unprocessed' || once) && this.#upload.repeatable && this.#interim === 0
    if (!repeatable) return this.fail(error)
    if (once) this.#lostTo = this.reached
    this.reached = this.#lostTo
    this.#lastError = error
    this.#upload.hold()
    // The end of a kept connection, or one that refuses all streams, says nothing of the upstream: it gets another try.
    const again = !this.#repeated && (outcome === 'unprocessed' || used || calm)
    if (again) this.#repeated = true
    this.#guard(() => this.#tryNext(again ? this.candidate - 1 : this.candidate))
  }

  #clientClosed(): void {
    if (this.#state === 'over') return
    const { rstCode, writableFinished } = this.#down
    const whole = this.#state === 'ending' && (rstCode === CODE.noError || writableFinished)
    if (!whole) this.error ??= this.client.departure
    // The upstream continues with a request that it has responded to and that has arrived completely.
    const flushing = whole && this.#upload.done && this.#up !== undefined
    if (!flushing) this.#leaveUpstream(this.client.over ? CODE.cancel : rstCode || CODE.cancel)
    this.#upload.keepNothing()
    this.ms = performance.now() - this.#startedAt
    this.#state = flushing ? 'flushing' : 'over'
    this.#parts.observer.exchangeDone?.(this)
    const withoutResponse = this.error?.code === 'BL_HTTP_CLIENT_GONE' && this.status === 0
    this.client.streamOver(withoutResponse && this.ms < this.#parts.limits.earlyResetMs)
    if (flushing) this.#wait(this.#waits.upstreamResponseMs)
    else this.#over()
  }

  #over(): void {
    this.#state = 'over'
    this.#parts.clock.unwatch(this)
  }

  get #timeoutMs(): number {
    const waiting = {
      grpc: this.head.grpc,
      responding: this.#state === 'responding',
      responded: this.#state === 'ending',
      taken: this.#up !== undefined,
      requestDone: this.#upload.done,
      blocked: this.#upload.blocked,
      held: this.#held,
      stalled: this.#stalled,
    }
    return streamTimeoutMs(waiting, this.#parts.limits, this.#waits)
  }

  #wait(waitMs = this.#timeoutMs): void {
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
