import type { RawData, WebSocket } from 'ws'
import { closeWithin, Keepalive } from '../process/keepalive.ts'
import { CLOSE } from './close-codes.ts'
import type { PublisherLimits } from './limits.ts'
import type { PublisherProtocol, SubscriberMessage } from './protocol.ts'

/** What a {@link Subscriber} tells its publisher. */
export interface SubscriberHandler<Table, Memo, Other extends { readonly type: string }> {
  onHello(subscriber: Subscriber<Table, Memo, Other>): void
  /** The subscriber serves the newest table sent to it, `tookMs` after it was sent. */
  onServed(tookMs: number): void
  onOther(subscriber: Subscriber<Table, Memo, Other>, message: Other): void
}

/** One subscriber's connection. It gets one snapshot, then the changes, and acknowledges each. */
export class Subscriber<Table, Memo, Other extends { readonly type: string }> {
  readonly key: string
  readonly #socket: WebSocket
  readonly #limits: PublisherLimits
  readonly #protocol: PublisherProtocol<Table, Memo, Other>
  readonly #handler: SubscriberHandler<Table, Memo, Other>
  readonly #helloTimer: NodeJS.Timeout
  readonly #keepalive: Keepalive
  #greeted = false
  #sentEpoch: number | undefined
  #sentAtMs = 0
  #servedEpoch: number | undefined

  constructor(
    key: string,
    socket: WebSocket,
    limits: PublisherLimits,
    protocol: PublisherProtocol<Table, Memo, Other>,
    handler: SubscriberHandler<Table, Memo, Other>,
  ) {
    this.key = key
    this.#socket = socket
    this.#limits = limits
    this.#protocol = protocol
    this.#handler = handler
    this.#helloTimer = setTimeout(() => this.close(CLOSE.noHello, 'no hello in time'), limits.helloTimeoutMs)
    const { pingIntervalMs: pingMs, pongTimeoutMs: pongMs = pingMs, pingRetries: retries = 0 } = limits
    const ping = { pingMs, pongMs, retries }
    this.#keepalive = new Keepalive(socket, ping, () => socket.terminate())
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    socket.once('close', () => clearTimeout(this.#helloTimer))
  }

  /** The epochs of the newest table that was sent, and of the table that the subscriber serves. */
  get epochs(): { readonly sent: number | undefined; readonly served: number | undefined } {
    return { sent: this.#sentEpoch, served: this.#servedEpoch }
  }

  /** Sends a complete table. */
  sendSnapshot(epoch: number, table: Table): void {
    this.#send(this.#protocol.snapshot(epoch, table), epoch)
  }

  /** Sends the difference, if any. Sends the whole table if the subscriber has none yet, or no delta leads there. */
  sendChange(epoch: number, before: Table | undefined, after: Table, memo: Memo): void {
    const from = this.#sentEpoch
    if (from === undefined || before === undefined || !this.#protocol.isDelta({ before, after })) {
      this.sendSnapshot(epoch, after)
      return
    }
    const text = this.#protocol.delta(from, epoch, { before, after }, memo)
    if (text !== undefined) this.#send(text, epoch)
  }

  /** Sends a message that is not of the table, unless too much waits to be sent. `text` is made only then. */
  say(text: () => string | undefined): void {
    if (this.#isSlow) return
    const message = text()
    if (message !== undefined) this.#socket.send(message)
  }

  close(code: number, reason: string): void {
    clearTimeout(this.#helloTimer)
    closeWithin(this.#socket, this.#limits.closeTimeoutMs, code, reason)
  }

  get #isSlow(): boolean {
    return this.#socket.bufferedAmount > this.#limits.maxBufferedBytes
  }

  #send(text: string, epoch: number): void {
    if (text.length > this.#protocol.maxMessageBytes) {
      this.close(CLOSE.tooBig, 'the table exceeds the maximum message size')
      return
    }
    // Drop a subscriber that does not read, instead of waiting: it connects again and gets one snapshot.
    if (this.#isSlow) {
      this.#socket.terminate()
      return
    }
    this.#sentEpoch = epoch
    this.#sentAtMs = performance.now()
    this.#socket.send(text)
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#keepalive.heard()
    if (isBinary) {
      this.close(CLOSE.unsupported, 'messages are text')
      return
    }
    // ws delivers a text message as one Buffer (its default binaryType, nodebuffer).
    const message = this.#protocol.read((data as Buffer).toString('utf8'))
    if (message === undefined) this.close(CLOSE.policy, 'not a message of this protocol')
    else if (message.type === 'hello') this.#hello()
    else if (message.type === 'ack') this.#ack((message as Ack).epoch)
    else this.#handler.onOther(this, message as Other)
  }

  #hello(): void {
    if (this.#greeted) {
      this.close(CLOSE.policy, 'hello was sent twice')
      return
    }
    clearTimeout(this.#helloTimer)
    this.#greeted = true
    this.#handler.onHello(this)
  }

  #ack(epoch: number): void {
    if (this.#sentEpoch === undefined || epoch > this.#sentEpoch) {
      this.close(CLOSE.policy, 'acknowledged an epoch that was not sent')
      return
    }
    if (epoch <= (this.#servedEpoch ?? -1)) return
    this.#servedEpoch = epoch
    if (epoch === this.#sentEpoch) this.#handler.onServed(performance.now() - this.#sentAtMs)
  }
}

type Ack = Extract<SubscriberMessage, { type: 'ack' }>
