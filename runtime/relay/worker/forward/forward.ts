import { CIRCUIT_PATHS } from '@branchline/wire/circuits/handoff'
import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import { type ForwardTarget, parseForwardTarget } from '@branchline/wire/tunnel/forward'
import { TunnelProtocolError } from '@branchline/wire/tunnel/error'
import type { WebSocket } from 'ws'
import type { Decision, Reply } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import type { Problem } from '../../../proxy/problem.ts'
import type { Transport, Upstream } from '../../../transport/transport.ts'
import { TunnelLink, type TunnelStream } from '../../../tunnel/index.ts'
import type { Access } from '../access/access.ts'
import type { AccessClient } from '../access/handoff.ts'
import { refuse } from '../access/refusals.ts'
import { Handshakes, isHandshake } from './handshake.ts'
import { DEFAULT_FORWARD_LIMITS, type ForwardLimits } from './limits.ts'

export interface ForwardOptions {
  readonly access: Pick<Access, 'refuseTunnel'>
  /** The circuit of a key in the current table. */
  readonly circuit: (key: string) => DeployedCircuit | undefined
  /**
   * Joins a connection with a target of the circuit, within the circuit's limits, and calls `onReached` before the first
   * byte. Returns a sentence if the connection may not be made.
   */
  readonly join: (
    circuit: DeployedCircuit,
    connection: Transport,
    client: AccessClient,
    onReached: () => void,
  ) => string | undefined
  readonly limits?: Partial<ForwardLimits>
}

/** One connected `branchline circuit forward`. */
interface ForwardClient {
  readonly key: string
  readonly head: Head
  readonly client: AccessClient
  readonly link: TunnelLink<ForwardTarget>
}

/** Carries raw TCP to circuits over WebSockets of clients that have a token (docs/decisions, 0105). */
export class Forward {
  readonly #options: ForwardOptions
  readonly #limits: ForwardLimits
  readonly #handshakes = new Handshakes()
  readonly #clients = new Set<ForwardClient>()
  /** Clients by circuit key, with those whose handshake is not over. */
  readonly #counts = new Map<string, number>()
  #count = 0
  readonly #recheck: NodeJS.Timeout
  #next = 0

  constructor(options: ForwardOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_FORWARD_LIMITS, ...options.limits }
    this.#recheck = setInterval(() => this.recheck(), this.#limits.recheckMs).unref()
  }

  /** Decides about a request, of any host, for {@link CIRCUIT_PATHS.tcp}. Undefined for other paths. */
  route(head: Head, sender: () => AccessClient): Decision | undefined {
    const key = keyOf(head.target)
    if (key === undefined) return undefined
    const client = sender()
    const refusal = this.#refusalOf(key, head, client)
    if (refusal !== undefined) return refusal
    if (!isHandshake(head)) return refuse(notAWebSocket, head, [['upgrade', 'websocket']])
    if (this.#count >= this.#limits.clients || (this.#counts.get(key) ?? 0) >= this.#limits.circuitClients)
      return refuse(tooManyClients, head)
    const upstream: Upstream = { key: `forward:${this.#next++}`, dial: () => this.#dial(key, head, client) }
    return { candidates: [{ upstream }] }
  }

  /** Ends the links of clients that no longer have access. Runs by itself too. */
  recheck(): void {
    for (const { key, head, client, link } of this.#clients)
      if (this.#refusalOf(key, head, client) !== undefined) link.close('forbidden', 'access has ended')
  }

  stop(): void {
    clearInterval(this.#recheck)
    for (const { link } of this.#clients) link.close('normal', 'the relay stops')
  }

  /** An unknown circuit is refused as one that the token does not open, so that keys cannot be found out. */
  #refusalOf(key: string, head: Head, client: AccessClient): Reply | undefined {
    const circuit = this.#options.circuit(key)
    return this.#options.access.refuseTunnel(circuit ?? unknownCircuit(key), head, client)
  }

  #dial(key: string, head: Head, client: AccessClient): Transport {
    this.#count++
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    return this.#handshakes.dial(head, this.#limits.headMs, {
      onSocket: (socket) => this.#connected(socket, key, head, client),
      onEnd: () => this.#left(key),
    })
  }

  #left(key: string): void {
    this.#count--
    const left = (this.#counts.get(key) ?? 1) - 1
    if (left === 0) this.#counts.delete(key)
    else this.#counts.set(key, left)
  }

  #connected(socket: WebSocket, key: string, head: Head, client: AccessClient): void {
    const link = new TunnelLink<ForwardTarget>(socket, {
      dialler: false,
      readTarget: parseForwardTarget,
      limits: { streams: this.#limits.streams },
      handlers: {
        onStream: (_link, stream) => this.#serve(stream, entry),
        onControl: () => {
          throw new TunnelProtocolError('protocol', 'a control message')
        },
        onClose: () => void this.#clients.delete(entry),
      },
    })
    const entry: ForwardClient = { key, head, client, link }
    this.#clients.add(entry)
  }

  #serve(stream: TunnelStream<ForwardTarget>, { key, head, client, link }: ForwardClient): void {
    if (stream.target.circuit !== key)
      return stream.reset('forbidden', 'another circuit than that of the link')
    if (this.#refusalOf(key, head, client) !== undefined) return link.close('forbidden', 'access has ended')
    const circuit = this.#options.circuit(key)
    if (circuit === undefined) return stream.reset('unknown', `there is no circuit ${key}`)
    const refusal = this.#options.join(circuit, stream, client, () => stream.accept())
    if (refusal !== undefined) stream.reset('refused', refusal)
  }
}

function keyOf(target: string): string | undefined {
  const [path = ''] = target.split('?', 1)
  if (!path.startsWith(CIRCUIT_PATHS.tcp)) return undefined
  try {
    return decodeURIComponent(path.slice(CIRCUIT_PATHS.tcp.length))
  } catch {
    return undefined
  }
}

const unknownCircuit = (key: string): DeployedCircuit => ({
  id: '',
  key: key.slice(0, 200),
  version: 0,
  owner: { type: 'key', id: '' },
  frontend: { type: 'subdomain', hosts: [] },
  backend: 'tcp',
  balancing: 'round-robin',
  stickiness: 'none',
  targets: [],
  access: { type: 'token' },
  limits: {},
  rewrite: {},
  middlewares: [],
  draining: false,
})

const notAWebSocket: Problem = {
  status: 426,
  reason: 'upgrade',
  title: 'A WebSocket is needed',
  detail: 'This path carries TCP for "branchline circuit forward", over a WebSocket.',
}

const tooManyClients: Problem = {
  status: 503,
  reason: 'forward-busy',
  title: 'Too many clients',
  detail:
    'This worker, or the circuit, has as many clients of "branchline circuit forward" as it may have: try again.',
  retryAfterSeconds: 5,
}
