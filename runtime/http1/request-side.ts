import { nextCandidate } from '../proxy/candidates.ts'
import type { ExchangeClient } from './exchange-client.ts'
import type { Candidate, Decision, Forward, Reply, ResponseWaits } from '../proxy/decision.ts'
import { writeRequestHead } from './message/edits.ts'
import { asHttpError, type HttpError } from '../proxy/errors.ts'
import * as failures from '../proxy/failures.ts'
import type { RequestHead } from './message/head.ts'
import { type EngineParts, isEnding } from './parts.ts'
import { lastHop, writeReply } from './reply.ts'
import { Report } from './report.ts'
import { writeParts } from '../transport/transport.ts'
import { UpstreamConnection, type UpstreamUser } from './upstream-connection.ts'

/** `uploading`: the response is complete, and the request's body continues. */
type State = 'routing' | 'connecting' | 'waiting' | 'responding' | 'uploading' | 'over'

/**
 * The half of an exchange that sends the request to a candidate: to which one, over which connection, and how often.
 */
export abstract class RequestSide extends Report implements UpstreamUser {
  /** True if the client is not read because the upstream does not keep up. */
  blocked = false
  protected readonly parts: EngineParts
  protected state: State = 'routing'
  protected upstream: UpstreamConnection | undefined = undefined
  /** Number of interim responses so far. */
  protected interim = 0
  /** The client waits for a 100 (Continue) before it sends its body. */
  protected awaitsContinue = false
  /** How long to wait for the response of the current candidate. */
  protected waits: ResponseWaits
  #lastError: HttpError | undefined = undefined
  /** The request's head while it waits to be sent with the first bytes of the body. */
  #unsent = ''
  /** How often the head was written to a candidate, and when it was written to a pooled connection last. */
  #sent = 0
  #sentAt = 0

  constructor(client: ExchangeClient, head: RequestHead, parts: EngineParts) {
    super(client, head)
    this.parts = parts
    this.waits = parts.limits
  }

  /** Ends the exchange with this error: with an error response if none has begun, otherwise with a visible break. */
  abstract fail(error: HttpError): void
  abstract upstreamOpened(): void
  abstract upstreamData(view: Buffer): void
  abstract upstreamOver(error: Error | undefined, closed: boolean): void
  abstract upstreamDrained(): void
  /** The response is complete, and the rest of the request is not wanted or will not come. */
  protected abstract end(): void

  /** True if the upstream is connected and the request's body continues. */
  get takesBody(): boolean {
    const state = this.state
    return (state === 'waiting' || state === 'responding' || state === 'uploading') && !this.client.body.done
  }

  begin(): void {
    this.wait(this.parts.limits.upstreamResponseMs)
    if (this.head.maxForwards === 0) return this.reply(lastHop(this.head.method))
    this.#follow(this.parts.route(this.head, this.client))
  }

  /** Sends a part of the request's body. Returns the index after it. */
  sendBody(view: Buffer, at: number): number {
    const { transport, body } = this.client
    const upstream = this.upstream as UpstreamConnection
    const end = body.take(view, at)
    const { bodyBytes } = this.decision as Forward
    if (bodyBytes !== undefined && body.dataBytes > bodyBytes) throw failures.bodyTooLarge(bodyBytes)
    const part = at === 0 && end === view.length ? view : view.subarray(at, end)
    const head = this.#takeHead()
    this.awaitsContinue = false
    const room = writeParts(upstream.transport, head, part, transport.stable)
    if (body.done) this.completeAt = performance.now()
    else if (!room) {
      this.blocked = true
      transport.pause()
    }
    if (body.done && this.state === 'uploading') this.end()
    else this.renewDeadline()
    return end
  }

  /** Sends a head that waited for a body of which no byte has arrived yet. */
  flush(): void {
    if (this.#unsent === '' || this.upstream === undefined) return
    this.upstream.transport.write(this.#takeHead())
  }

  #follow(decision: Decision | Promise<Decision>): void {
    this.state = 'routing'
    if ('then' in decision) {
      decision.then(
        (decided) => this.guard(() => this.#decide(decided)),
        (error: unknown) => this.fail(asHttpError(error)),
      )
    } else this.#decide(decision)
  }

  #decide(decision: Decision): void {
    if (this.state === 'over') return
    this.decision = decision
    if ('candidates' in decision) this.#tryNext(decision)
    else this.reply(decision)
  }

  protected reply(reply: Reply): void {
    const { head, client } = this
    const close = !head.keepAlive || !client.body.done || isEnding(this.parts) || client.ending
    this.status = reply.status
    this.responseBytes =
      typeof reply.body === 'string' ? Buffer.byteLength(reply.body) : (reply.body?.length ?? 0)
    client.transport.write(writeReply(reply, head, close))
    this.conclude()
    if (close) client.linger()
    else client.next()
  }

  #tryNext(forward: Forward): void {
    const next = nextCandidate(forward.candidates, this.candidate, this.reached)
    if (next !== -1) {
      this.candidate = next
      return this.#connect(forward.candidates[next] as Candidate)
    }
    const error = this.#lastError ?? failures.noCandidate()
    const otherwise = forward.otherwise?.(error)
    if (otherwise === undefined) return this.fail(error)
    this.candidate = -1
    this.wait(this.parts.limits.upstreamResponseMs)
    this.#follow(otherwise)
  }

  #connect({ upstream, waits }: Candidate): void {
    const { pool, limits } = this.parts
    this.waits = waits ?? limits
    // The only repetition must not use a connection that may be stale.
    const pooled = this.#sent > 0 ? undefined : pool.take(upstream, this.head.repeatable)
    if (pooled !== undefined) {
      pooled.user = this
      this.upstream = pooled
      return this.sendHead(pooled)
    }
    const connection = new UpstreamConnection(upstream.dial(), upstream.key)
    connection.user = this
    this.upstream = connection
    this.state = 'connecting'
    this.wait(limits.upstreamConnectMs)
    if (connection.transport.opened) this.sendHead(connection)
  }

  protected sendHead(upstream: UpstreamConnection): void {
    const { head, client } = this
    const { via } = this.parts
    this.state = 'waiting'
    this.#unsent = writeRequestHead(head, this.chosen?.edits, head.version === 11 ? via[11] : via[10])
    if (upstream.used) this.#sentAt = performance.now()
    this.awaitsContinue = head.expects && !client.body.done
    this.renewDeadline()
    if (client.body.done) return this.flush()
    // The part of the body that is here goes with the head, now or after the client has read its head.
    client.proceed()
  }

  /** Returns the head if it is still to be written. From here on, the candidate may have received the request. */
  #takeHead(): string {
    const head = this.#unsent
    if (head === '') return head
    this.#unsent = ''
    this.#sent++
    this.reached = this.chosen
    return head
  }

  protected unreachable(error: HttpError): void {
    this.upstream?.destroy()
    // An error from a candidate that received the request explains more than an unreachable one in a retry.
    if (this.reached === undefined) this.#lastError = error
    this.guard(() => this.#tryNext(this.decision as Forward))
  }

  /**
   * The upstream closed before any part of a response. A request that is safe to repeat is sent once more, if its
   * version allows that: over a new connection if this one was kept and most likely stale, otherwise to the next
   * candidate.
   */
  protected closedEarly(cause: Error | undefined): void {
    const upstream = this.upstream as UpstreamConnection
    const error = failures.closedEarly(cause)
    const responded = upstream.reader.started || this.interim > 0
    if (!this.head.repeatable || responded || this.#sent > 1) return this.fail(error)
    upstream.destroy()
    this.#lastError = error
    const early = performance.now() - this.#sentAt < this.parts.limits.poolStaleMs
    const stale = upstream.used && (early || isReset(cause))
    this.guard(() => {
      if (stale) this.#connect(this.chosen as Candidate)
      else this.#tryNext(this.decision as Forward)
    })
  }

  protected wait(waitMs: number): void {
    const { client, parts } = this
    client.deadline = parts.clock.in(client.ended ? Math.min(waitMs, parts.limits.halfClosedMs) : waitMs)
  }

  /** Something moved, so the side that acts next gets its full time again. */
  protected renewDeadline(): void {
    const { limits } = this.parts
    if (this.state === 'responding') this.wait(this.waits.responseProgressMs)
    else if (this.state === 'uploading') this.wait(limits.requestProgressMs)
    else if (this.client.body.done || this.blocked || this.awaitsContinue)
      this.wait(this.waits.upstreamResponseMs)
    else this.wait(limits.requestProgressMs)
  }

  protected guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.fail(asHttpError(error))
    }
  }

  protected conclude(): void {
    this.state = 'over'
    this.report(this.parts.observer)
  }

  protected get chosen(): Candidate | undefined {
    const { decision } = this
    return decision && 'candidates' in decision ? decision.candidates[this.candidate] : undefined
  }
}

/** The system resets a connection whose peer closed it before it had read everything. */
const isReset = (cause: unknown): boolean =>
  cause instanceof Error && 'code' in cause && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE')
