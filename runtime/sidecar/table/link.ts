import { readFile } from 'node:fs/promises'
import type { Hop } from '@branchline/wire/explain'
import type { ManagerMessage, SidecarMessage } from '@branchline/wire/routes/messages'
import { MAX_ROUTES_MESSAGE, ROUTES_SUBPROTOCOL } from '@branchline/wire/routes/protocol'
import { readManagerMessage } from '@branchline/wire/routes/read'
import { WebSocket } from 'ws'
import { Backoff } from '../../process/backoff.ts'
import type { Logger } from '../../process/log.ts'
import {
  CLOSE_NORMAL,
  CLOSE_RESYNC,
  CLOSE_UNREADABLE,
  Connection,
  type ConnectionHandlers,
  DEFAULT_LINK_LIMITS,
  type LinkFault,
  type LinkLimits,
} from './connection.ts'
import { Asked } from './asked.ts'
import { RouteTableError, Table } from './table.ts'

/** Where the manager is, and what bounds the talk with it. */
export interface LinkOptions {
  readonly url: string
  readonly tokenFile: string
  /** The ports at which this sidecar listens. */
  readonly inbound: readonly number[]
  readonly version: string
  readonly logger: Logger
  /** Called within the turn in which a table came to be served, before it is acknowledged. */
  readonly onTable?: (table: Table) => void
  readonly limits?: Partial<LinkLimits> | undefined
}

/** The most octets that wait to be sent before hops are left out. */
const MAX_UNSENT_HOPS = 64 * 1024

export type LinkState = 'connecting' | 'connected' | 'disconnected'

/**
 * The sidecar's end of the route-table protocol (wire/SPEC.md, section 4). Connects and, for as long as it is
 * not stopped, connects anew with a growing wait; keeps the last table in between; acknowledges each epoch
 * once it is served; has the manager send all anew where a delta does not follow.
 */
export class ManagerLink {
  readonly #options: LinkOptions
  readonly #limits: LinkLimits
  readonly #backoff: Backoff
  #state: LinkState = 'connecting'
  #table: Table | undefined
  #socket: WebSocket | undefined
  #retry: NodeJS.Timeout | undefined
  #stopped = false
  #connectedAt = 0
  /** The last thing that was logged about the connection: what stays so is not logged again. */
  #said = ''
  /** Whether the manager at hand takes hops. */
  #explains = false
  readonly #asked = new Asked()

  constructor(options: LinkOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_LINK_LIMITS, ...options.limits }
    this.#backoff = new Backoff(this.#limits.backoff)
  }

  get state(): LinkState {
    return this.#state
  }

  /** The table at hand; undefined before the first snapshot. */
  get table(): Table | undefined {
    return this.#table
  }

  start(): void {
    void this.#connect()
  }

  /** Tells the manager of a hop, where it wants to know and keeps up; lost otherwise. */
  report(trace: string, hop: Hop): void {
    const socket = this.#socket
    if (this.#explains && socket !== undefined && socket.bufferedAmount < MAX_UNSENT_HOPS) {
      send(socket, { type: 'hop', trace, hop })
    }
  }

  /** Asks the manager for the hops of a trace; undefined where it cannot be asked, or does not answer. */
  hops(trace: string): Promise<readonly Hop[] | undefined> {
    const socket = this.#socket
    if (!this.#explains || socket === undefined) return Promise.resolve(undefined)
    return this.#asked.ask(trace, () => send(socket, { type: 'hops', trace }))
  }

  /** Ends the connection and all tries. The table stays. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#retry)
    const socket = this.#socket
    if (socket === undefined) return
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.close(CLOSE_NORMAL)
    const kill = setTimeout(() => socket.terminate(), this.#limits.closeTimeoutMs)
    await closed
    clearTimeout(kill)
  }

  async #connect(): Promise<void> {
    let token: string
    try {
      token = (await readFile(this.#options.tokenFile, 'utf8')).trim()
    } catch (error) {
      this.#lost({ reason: 'token unreadable', detail: (error as NodeJS.ErrnoException).code })
      return
    }
    if (this.#stopped) return
    try {
      const socket = new WebSocket(this.#options.url, ROUTES_SUBPROTOCOL, {
        headers: { authorization: `Bearer ${token}` },
        perMessageDeflate: false,
        maxPayload: MAX_ROUTES_MESSAGE,
        handshakeTimeout: this.#limits.connectTimeoutMs,
      })
      this.#socket = socket
      new Connection(socket, this.#limits, this.#handlers(socket))
    } catch (error) {
      // A token that no header can hold, for one.
      this.#lost({ reason: 'cannot connect', detail: (error as NodeJS.ErrnoException).code })
    }
  }

  #handlers(socket: WebSocket): ConnectionHandlers {
    let first = true
    return {
      onOpen: () => {
        send(socket, { type: 'hello', inbound: [...this.#options.inbound], version: this.#options.version })
      },
      onMessage: (text) => {
        try {
          const message = readManagerMessage(JSON.parse(text))
          if (message.type === 'hops') {
            this.#asked.answer(message.trace, message.hops)
            return undefined
          }
          if (message.type === 'snapshot') this.#explains = message.explains === true
          this.#table = receive(first ? undefined : this.#table, message)
        } catch (error) {
          return this.#refuse(error)
        }
        this.#options.onTable?.(this.#table)
        send(socket, { type: 'ack', epoch: this.#table.epoch })
        if (first) this.#connected(this.#table.epoch)
        first = false
        return undefined
      },
      onClose: (fault) => {
        this.#socket = undefined
        this.#explains = false
        this.#lost(fault)
      },
    }
  }

  /** The code to close with over a message that cannot be taken. The table stays as it was. */
  #refuse(error: unknown): number {
    const gap = error instanceof RouteTableError && error.code === 'BL_ROUTES_GAP'
    this.#options.logger.warn({ err: error }, gap ? 'route table out of step' : 'manager message refused')
    return gap ? CLOSE_RESYNC : CLOSE_UNREADABLE
  }

  #connected(epoch: number): void {
    this.#state = 'connected'
    this.#connectedAt = Date.now()
    this.#say('info', 'manager connected', { epoch })
  }

  #lost({ reason, detail }: LinkFault): void {
    if (this.#stopped) return
    const held = this.#state === 'connected' && Date.now() - this.#connectedAt > this.#limits.stableAfterMs
    if (held) this.#backoff.reset()
    this.#state = 'disconnected'
    this.#say('warn', 'manager not connected', { reason, detail, epoch: this.#table?.epoch })
    this.#retry = setTimeout(() => void this.#connect(), this.#backoff.nextMs())
  }

  /** Logs where it is other than the last time; never the token, and no text of the peer's. */
  #say(level: 'info' | 'warn', message: string, fields: Record<string, unknown>): void {
    const said = `${message} ${String(fields['reason'])} ${String(fields['detail'])}`
    if (said === this.#said) return
    this.#said = said
    this.#options.logger[level]({ manager: this.#options.url, ...fields }, message)
  }
}

/** The table after a message. Throws where the message is none, or does not follow. */
function receive(table: Table | undefined, message: Exclude<ManagerMessage, { type: 'hops' }>): Table {
  if (message.type === 'snapshot') return new Table(message.table)
  if (table === undefined) {
    throw new RouteTableError('BL_ROUTES_GAP', 'a delta came before the snapshot: connect anew')
  }
  table.apply(message)
  return table
}

function send(socket: WebSocket, message: SidecarMessage): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
}
