import type { ExchangeClient } from './exchange-client.ts'
import type { Candidate, Decision, ExchangeReport, Observer } from '../proxy/decision.ts'
import type { HttpError } from '../proxy/errors.ts'
import type { RequestHead } from './message/head.ts'

/** The course of one request, reported once it is over. */
export class Report implements ExchangeReport {
  readonly head: RequestHead
  readonly client: ExchangeClient
  decision: Decision | undefined = undefined
  candidate = -1
  status = 0
  responseBytes = 0
  ms = 0
  upgraded = false
  error: HttpError | undefined = undefined
  reached: Candidate | undefined = undefined
  /** When the client had sent its whole request, or its head until then, by the monotonic clock. */
  completeAt: number
  readonly #startedAt: number

  constructor(client: ExchangeClient, head: RequestHead) {
    this.client = client
    this.head = head
    this.#startedAt = performance.now()
    this.completeAt = this.#startedAt
  }

  get requestBytes(): number {
    return this.client.body.framedBytes
  }

  /** Reports to the observer. Called once. */
  report(observer: Observer): void {
    if (observer.exchangeDone === undefined) return
    this.ms = performance.now() - this.#startedAt
    observer.exchangeDone(this)
  }
}
