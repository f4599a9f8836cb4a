import type { ClientConnection } from './client-connection.ts'
import type { Candidate, Decision, ExchangeReport, Observer } from '../proxy/decision.ts'
import type { HttpError } from '../proxy/errors.ts'
import type { RequestHead } from './message/head.ts'

/** What becomes of one request, as it is reported once it is over. */
export class Report implements ExchangeReport {
  readonly head: RequestHead
  readonly client: ClientConnection
  decision: Decision | undefined = undefined
  candidate = -1
  status = 0
  responseBytes = 0
  ms = 0
  upgraded = false
  error: HttpError | undefined = undefined
  reached: Candidate | undefined = undefined
  /** When the client had sent its whole request; until then, its head. By the monotonic clock. */
  completeAt: number
  readonly #startedAt: number

  constructor(client: ClientConnection, head: RequestHead) {
    this.client = client
    this.head = head
    this.#startedAt = performance.now()
    this.completeAt = this.#startedAt
  }

  get requestBytes(): number {
    return this.client.body.octets
  }

  /** Tells the observer, whom nobody has told before. */
  report(observer: Observer): void {
    if (observer.exchangeDone === undefined) return
    this.ms = performance.now() - this.#startedAt
    observer.exchangeDone(this)
  }
}
