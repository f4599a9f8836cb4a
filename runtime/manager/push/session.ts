import {
  MAX_ROUTES_MESSAGE,
  type ManagerMessage,
  type SidecarMessage,
  sidecarMessage,
} from '@branchline/wire/routes/messages'
import type { ChangeMemo } from '@branchline/wire/routes/delta'
import { diffTables } from '@branchline/wire/routes/delta'
import type { RawData, WebSocket } from 'ws'
import type { SidecarTable } from '../plan/plan.ts'
import type { Reports } from './reports.ts'
import type { PushLimits } from './limits.ts'
import { deltaText, snapshotText } from './text.ts'

/** The close codes of the manager (RFC 6455, 7.4; 4000 to 4999 are ours). */
export const CLOSE = {
  goingAway: 1001,
  unsupported: 1003,
  policy: 1008,
  tooBig: 1009,
  /** The same pod has connected again. */
  replaced: 4002,
  /** The sidecar did not send hello in time. */
  noHello: 4003,
} as const

interface SessionHandler {
  onHello(session: Session): void
  /** The sidecar serves the newest table sent to it, after this time. */
  onServed(session: Session, tookMs: number): void
}

/** One sidecar's connection. It gets one snapshot, then the changes, and acknowledges each. */
export class Session {
  readonly pod: string
  readonly #socket: WebSocket
  readonly #limits: PushLimits
  readonly #handler: SessionHandler
  readonly #reports: Reports
  readonly #helloTimer: NodeJS.Timeout
  #closeTimer: NodeJS.Timeout | undefined
  #version: string | undefined
  #sentEpoch: number | undefined
  #sentAtMs = 0
  #servedEpoch: number | undefined
  #awaitsPong = false

  constructor(pod: string, socket: WebSocket, limits: PushLimits, handler: SessionHandler, reports: Reports) {
    this.pod = pod
    this.#socket = socket
    this.#limits = limits
    this.#handler = handler
    this.#reports = reports
    this.#helloTimer = setTimeout(() => this.close(CLOSE.noHello, 'no hello in time'), limits.helloTimeoutMs)
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    socket.on('pong', () => (this.#awaitsPong = false))
    socket.once('close', () => {
      clearTimeout(this.#helloTimer)
      clearTimeout(this.#closeTimer)
    })
  }

  /** Whether the sidecar has sent hello. */
  get greeted(): boolean {
    return this.#version !== undefined
  }

  /** The epochs of the newest table that was sent, and of the table that the sidecar serves. */
  get epochs(): { sent: number | undefined; served: number | undefined } {
    return { sent: this.#sentEpoch, served: this.#servedEpoch }
  }

  /** Sends a complete table. */
  sendSnapshot(epoch: number, table: SidecarTable): void {
    this.#send(snapshotText(epoch, table), epoch)
  }

  /** Sends the difference, if any. Sends the whole table if the sidecar has none yet or has changed its environment. */
  sendChange(epoch: number, before: SidecarTable | undefined, after: SidecarTable, memo: ChangeMemo): void {
    const from = this.#sentEpoch
    if (from === undefined || before === undefined || before.environment !== after.environment) {
      this.sendSnapshot(epoch, after)
      return
    }
    const change = diffTables(before, after, memo)
    if (change !== undefined) this.#send(deltaText(from, epoch, change), epoch)
  }

  /** Pings the sidecar. Drops it if it has not responded to the previous ping. */
  ping(): void {
    if (this.#awaitsPong) {
      this.#socket.terminate()
      return
    }
    this.#awaitsPong = true
    this.#socket.ping()
  }

  close(code: number, reason: string): void {
    clearTimeout(this.#helloTimer)
    this.#socket.close(code, reason)
    // Otherwise a peer that does not respond would keep its place for 30 s, the timeout of ws.
    this.#closeTimer ??= setTimeout(() => this.#socket.terminate(), this.#limits.closeTimeoutMs)
  }

  #send(text: string, epoch: number): void {
    if (text.length > MAX_ROUTES_MESSAGE) {
      this.close(CLOSE.tooBig, 'the table exceeds the maximum message size')
      return
    }
    // Drop a sidecar that does not read, instead of waiting: it connects again and gets one snapshot.
    if (this.#socket.bufferedAmount > this.#limits.maxBufferedBytes) {
      this.#socket.terminate()
      return
    }
    this.#sentEpoch = epoch
    this.#sentAtMs = performance.now()
    this.#socket.send(text)
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (isBinary) {
      this.close(CLOSE.unsupported, 'messages are text')
      return
    }
    const message = parse(data)
    if (message === undefined) this.close(CLOSE.policy, 'not a message of a sidecar')
    else if (message.type === 'hello') this.#hello(message.version)
    else if (message.type === 'ack') this.#ack(message.epoch)
    else if (message.type === 'hop') this.#reports.add(this.pod, message.trace, message.hop)
    else this.#sendHops(message.trace)
  }

  /** Sends the hops of a trace, unless the buffer is full. The sidecar that asked has its own timeout. */
  #sendHops(trace: string): void {
    if (this.#socket.bufferedAmount > this.#limits.maxBufferedBytes) return
    const hops = this.#reports.of(this.pod, trace)
    if (hops === undefined) return
    const message: ManagerMessage = { type: 'hops', trace, hops }
    this.#socket.send(JSON.stringify(message))
  }

  #hello(version: string): void {
    if (this.greeted) {
      this.close(CLOSE.policy, 'hello was sent twice')
      return
    }
    clearTimeout(this.#helloTimer)
    this.#version = version
    this.#handler.onHello(this)
  }

  #ack(epoch: number): void {
    if (this.#sentEpoch === undefined || epoch > this.#sentEpoch) {
      this.close(CLOSE.policy, 'acknowledged an epoch that was not sent')
      return
    }
    if (epoch <= (this.#servedEpoch ?? -1)) return
    this.#servedEpoch = epoch
    if (epoch === this.#sentEpoch) this.#handler.onServed(this, performance.now() - this.#sentAtMs)
  }
}

function parse(data: RawData): SidecarMessage | undefined {
  try {
    // ws delivers a text message as one Buffer (its default binaryType, nodebuffer).
    const result = sidecarMessage.safeParse(JSON.parse((data as Buffer).toString('utf8')))
    return result.data
  } catch {
    return undefined
  }
}
