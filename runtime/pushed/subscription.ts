import { WebSocket } from 'ws'
import type { BackoffLimits } from '../process/backoff.ts'
import { closeWithin, Keepalive } from '../process/keepalive.ts'
import { KeptSocket, type KeptSocketOptions, type SocketFault } from '../process/kept-socket.ts'
import type { Logger } from '../process/log.ts'
import { CLOSE } from './close-codes.ts'
import { Receiver, type ReceiverProtocol, type Step } from './receiver.ts'

/** The timeouts of a subscription, in milliseconds. */
export interface SubscriptionLimits {
  /** From the connect to the upgrade. Default: 5 s. */
  readonly connectTimeoutMs: number
  /** From the upgrade to the first message. Default: 10 s. */
  readonly snapshotTimeoutMs: number
  /** Between two pings of ours. Default: 5 s. */
  readonly pingIntervalMs: number
  /** Silence after which the publisher counts as gone; longer than `pingIntervalMs`. Default: 12 s. */
  readonly silenceTimeoutMs: number
  /** How long a closing handshake may take. Default: 500 ms. */
  readonly closeTimeoutMs: number
  /** How long a connection holds before the wait between tries starts from the first value again. Default: 1 s. */
  readonly stableAfterMs: number
  /** Between two tries to connect. Default: 100 ms, doubled up to 5 s. */
  readonly backoff: BackoffLimits
}

export const DEFAULT_SUBSCRIPTION_LIMITS: SubscriptionLimits = {
  connectTimeoutMs: 5_000,
  snapshotTimeoutMs: 10_000,
  pingIntervalMs: 5_000,
  silenceTimeoutMs: 12_000,
  closeTimeoutMs: 500,
  stableAfterMs: 1_000,
  backoff: { firstMs: 100, maxMs: 5_000 },
}

type Typed = { readonly type: string }
type SnapshotMessage = Typed & { readonly type: 'snapshot' }
type DeltaMessage = Typed & Step & { readonly type: 'delta' }

/** How a subscriber reads one kind of table. */
export interface SubscriptionProtocol<
  Table,
  Snapshot extends SnapshotMessage,
  Delta extends DeltaMessage,
  Other extends Typed,
> extends ReceiverProtocol<Table, Snapshot, Delta> {
  /** The first message of each connection. */
  hello(): object
  /** Reads a publisher's message, parsed as JSON; throws where it is none. */
  read(message: unknown): Snapshot | Delta | Other
  /** The error that the log shows for a delta that does not follow. */
  gap(delta: Delta, table: Table | undefined): Error
}

export interface SubscriptionOptions<
  Table,
  Snapshot extends SnapshotMessage,
  Delta extends DeltaMessage,
  Other extends Typed,
> extends Pick<KeptSocketOptions, 'url' | 'subprotocol' | 'token' | 'connect'> {
  readonly protocol: SubscriptionProtocol<Table, Snapshot, Delta, Other>
  /** The most bytes of a message. */
  readonly maxMessageBytes: number
  readonly limits?: Partial<SubscriptionLimits> | undefined
  readonly logger: Logger
  /** What the log calls the publisher (`manager`) and the table (`route table`). */
  readonly words: { readonly publisher: string; readonly table: string }
  /** Called within the turn in which a table came to be served, before it is acknowledged. */
  readonly onTable: (table: Table, message: Snapshot | Delta) => void
  readonly onOther: (message: Other) => void
  /** The connection ended, or could not be made. The table stays. */
  readonly onDown: (fault: SocketFault) => void
}

export type SubscriptionState = 'connecting' | 'connected' | 'disconnected'

/**
 * A subscriber's end of a pushed table. It connects, and connects again until it is stopped, keeps the last table in
 * between, acknowledges each epoch once it is served, and asks for a snapshot, by a new connection, where a delta does
 * not follow.
 */
export class Subscription<
  Table extends { readonly epoch: number },
  Snapshot extends SnapshotMessage,
  Delta extends DeltaMessage,
  Other extends Typed = never,
> {
  readonly #options: SubscriptionOptions<Table, Snapshot, Delta, Other>
  readonly #limits: SubscriptionLimits
  readonly #receiver: Receiver<Table, Snapshot, Delta>
  readonly #kept: KeptSocket
  #socket: WebSocket | undefined
  #state: SubscriptionState = 'connecting'
  #connectedAtMs = 0
  /** Why we closed the connection at hand. */
  #fault: string | undefined
  #snapshotTimer: NodeJS.Timeout | undefined
  /** The last thing that was logged about the connection: what stays so is not logged again. */
  #logged = ''

  constructor(options: SubscriptionOptions<Table, Snapshot, Delta, Other>) {
    this.#options = options
    this.#limits = { ...DEFAULT_SUBSCRIPTION_LIMITS, ...options.limits }
    this.#receiver = new Receiver(options.protocol)
    const { connectTimeoutMs: connectMs, backoff } = this.#limits
    const { url, subprotocol, token, maxMessageBytes: maxPayload, connect } = options
    this.#kept = new KeptSocket({
      url,
      subprotocol,
      token,
      webSocket: { maxPayload },
      connect,
      limits: { connectMs, backoff },
      onOpen: (socket) => this.#opened(socket),
      onDown: (fault) => this.#down(fault),
    })
  }

  get state(): SubscriptionState {
    return this.#state
  }

  /** The table at hand; undefined before the first snapshot. */
  get table(): Table | undefined {
    return this.#receiver.table
  }

  /** Bytes that wait to be sent; undefined while there is no connection. */
  get unsentBytes(): number | undefined {
    return this.#socket?.bufferedAmount
  }

  start(): void {
    this.#kept.start()
  }

  /** Sends a message; it is lost where there is no open connection. */
  send(message: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message))
  }

  /** Ends the connection and all tries. The table stays. */
  stop(): Promise<void> {
    return this.#kept.stop((socket) => closeWithin(socket, this.#limits.closeTimeoutMs, CLOSE.normal))
  }

  #opened(socket: WebSocket): void {
    const { pingIntervalMs: pingMs, silenceTimeoutMs, snapshotTimeoutMs } = this.#limits
    this.#socket = socket
    this.#fault = undefined
    this.#receiver.reconnected()
    const pongMs = Math.max(0, silenceTimeoutMs - pingMs)
    const keepalive = new Keepalive(socket, { pingMs, pongMs }, () => this.#giveUp('silent', CLOSE.late))
    this.#snapshotTimer = setTimeout(() => this.#giveUp('no snapshot', CLOSE.late), snapshotTimeoutMs)
    socket.on('message', (data, isBinary) => {
      keepalive.heard()
      this.#receive(data as Buffer, isBinary)
    })
    socket.once('close', () => {
      clearTimeout(this.#snapshotTimer)
      this.#socket = undefined
      // Before the wait for the next try is chosen.
      if (this.#held) this.#kept.established()
    })
    this.send(this.#options.protocol.hello())
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return
    clearTimeout(this.#snapshotTimer)
    if (isBinary) {
      this.#giveUp('message refused', CLOSE.unreadable)
      return
    }
    const { protocol, onOther, logger, words } = this.#options
    let message: Snapshot | Delta | Other
    let table: Table | undefined
    try {
      message = protocol.read(JSON.parse(data.toString('utf8')))
      if (message.type === 'snapshot') table = this.#receiver.takeSnapshot(message as Snapshot)
      else if (message.type === 'delta') table = this.#receiver.takeDelta(message as Delta)
    } catch (error) {
      logger.warn({ err: error }, `${words.publisher} message refused`)
      this.#giveUp('message refused', CLOSE.unreadable)
      return
    }
    if (table !== undefined) this.#serve(table, message as Snapshot | Delta)
    else if (message.type === 'delta') this.#resync(message as Delta)
    else onOther(message as Other)
  }

  #resync(delta: Delta): void {
    const { protocol, logger, words } = this.#options
    logger.warn({ err: protocol.gap(delta, this.table) }, `${words.table} out of step`)
    this.#giveUp('out of step', CLOSE.resync)
  }

  #serve(table: Table, message: Snapshot | Delta): void {
    this.#options.onTable(table, message)
    this.send({ type: 'ack', epoch: table.epoch })
    if (this.#state === 'connected') return
    this.#state = 'connected'
    this.#connectedAtMs = Date.now()
    this.#log('info', `${this.#options.words.publisher} connected`, { epoch: table.epoch })
  }

  get #held(): boolean {
    return this.#state === 'connected' && Date.now() - this.#connectedAtMs > this.#limits.stableAfterMs
  }

  #giveUp(reason: string, code: number): void {
    this.#fault ??= reason
    if (this.#socket !== undefined) closeWithin(this.#socket, this.#limits.closeTimeoutMs, code)
  }

  #down(fault: SocketFault): void {
    const { reason, detail } = fault
    const { onDown, words } = this.#options
    this.#state = 'disconnected'
    const ours = this.#fault
    this.#fault = undefined
    const why = ours === undefined ? { reason, detail } : { reason: ours, detail: undefined }
    this.#log('warn', `${words.publisher} not connected`, { ...why, epoch: this.table?.epoch })
    onDown(fault)
  }

  /** Logs what differs from the last time; never the token, and no text of the peer's. */
  #log(level: 'info' | 'warn', message: string, fields: Record<string, unknown>): void {
    const line = `${message} ${String(fields['reason'])} ${String(fields['detail'])}`
    if (line === this.#logged) return
    this.#logged = line
    const { url, words, logger } = this.#options
    logger[level]({ ...(typeof url === 'string' && { [words.publisher]: url }), ...fields }, message)
  }
}
