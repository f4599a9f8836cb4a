import { ROUTES_PATH } from '@branchline/wire/names'
import { applyDelta } from '@branchline/wire/routes/delta'
import { type RouteDelta, type RouteTable, ROUTES_SUBPROTOCOL } from '@branchline/wire/routes/messages'
import { WebSocket } from 'ws'
import { Backoff } from '../../../runtime/process/backoff.ts'

/** The delay of a sidecar between two attempts. */
const RECONNECT = { firstMs: 100, maxMs: 5_000 }

/** Texts that a pod's messages must contain before a change counts as arrived, such as an endpoint. */
export type Expected = ReadonlyMap<string, readonly string[]>

/**
 * Sidecars on real sockets, each with its own token, that read messages and acknowledge them. They do not update tables
 * as messages arrive, because a thousand sidecars on one core would measure themselves. The tables are built afterwards
 * for the comparison.
 */
export class Fleet {
  messages = 0
  bytes = 0
  readonly #port: number
  readonly #sockets = new Map<string, WebSocket>()
  readonly #told = new Map<string, (Snapshot | RouteDelta)[]>()
  #missing = new Map<string, Set<string>>()
  #arrived: ((atMs: number) => void) | undefined
  #stopped = false

  constructor(port: number) {
    this.#port = port
  }

  connect(pods: readonly string[]): void {
    for (const pod of pods) this.#connect(pod, new Backoff(RECONNECT))
  }

  /** Resolves with the time at which the last pod acknowledged everything that is expected of it. */
  arrival(expected: Expected, timeoutMs = 30_000): Promise<number> {
    this.#missing = new Map([...expected].map(([pod, marks]) => [pod, new Set(marks)]))
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const timer = setTimeout(() => {
      const [pod, marks] = [...this.#missing][0] ?? []
      reject(new Error(`${this.#missing.size} sidecars wait: ${pod} for ${[...(marks ?? [])].join(', ')}`))
    }, timeoutMs)
    this.#arrived = (atMs) => {
      clearTimeout(timer)
      resolve(atMs)
    }
    return promise
  }

  /** Returns a pod's table, built from all messages that it received. */
  tableOf(pod: string): Omit<RouteTable, 'epoch'> {
    let table: RouteTable | undefined
    for (const message of this.#told.get(pod) ?? []) {
      if (message.type === 'snapshot') table = message.table
      else if (table?.epoch === message.from) table = applyDelta(table, message)
      else throw new Error(`${pod}: a delta from ${message.from} at ${table?.epoch}`)
    }
    const { epoch: _, ...content } = table as RouteTable
    return content
  }

  stop(): void {
    this.#stopped = true
    for (const socket of this.#sockets.values()) socket.terminate()
  }

  #connect(pod: string, backoff: Backoff): void {
    if (this.#stopped) return
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}${ROUTES_PATH}`, ROUTES_SUBPROTOCOL, {
      headers: { authorization: `Bearer ${pod}` },
      perMessageDeflate: false,
    })
    this.#sockets.set(pod, socket)
    socket.on('open', () => socket.send('{"type":"hello","inbound":[25001],"version":"bench"}'))
    socket.on('message', (data) => this.#take(pod, socket, (data as Buffer).toString()))
    socket.on('error', () => undefined)
    socket.once('close', () => setTimeout(() => this.#connect(pod, backoff), backoff.nextMs()))
  }

  #take(pod: string, socket: WebSocket, text: string): void {
    const message = JSON.parse(text) as Snapshot | RouteDelta
    const isSnapshot = message.type === 'snapshot'
    const epoch = isSnapshot ? message.table.epoch : message.epoch
    socket.send(`{"type":"ack","epoch":${epoch}}`)
    this.messages++
    this.bytes += text.length
    if (isSnapshot) this.#told.set(pod, [message])
    else this.#told.get(pod)?.push(message)
    const marks = this.#missing.get(pod)
    if (marks === undefined) return
    for (const mark of marks) if (text.includes(mark)) marks.delete(mark)
    if (marks.size > 0) return
    this.#missing.delete(pod)
    if (this.#missing.size === 0) this.#arrived?.(performance.now())
  }
}

interface Snapshot {
  readonly type: 'snapshot'
  readonly table: RouteTable
}
