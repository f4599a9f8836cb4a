import { pipe } from '@branchline/runtime/transport/pipe'
import { listen, type Listener } from '@branchline/runtime/transport/tcp'
import type { Transport } from '@branchline/runtime/transport/transport'
import { TunnelDialler, type TunnelLink, type TunnelLinkError } from '@branchline/runtime/tunnel/index'
import { CIRCUIT_PATHS } from '@branchline/wire/circuits/handoff'
import { TunnelProtocolError } from '@branchline/wire/tunnel/error'
import { FORWARD_SUBPROTOCOL, type ForwardTarget, parseForwardTarget } from '@branchline/wire/tunnel/forward'
import { CLOSE_CODES } from '@branchline/wire/tunnel/limits'
import { DEFAULT_FORWARD_LIMITS, type ForwardLimits } from './limits.ts'

export interface ForwardOptions {
  /** The key of the circuit. */
  readonly circuit: string
  /** URL at which visitors reach the relay. */
  readonly relay: string
  readonly token: string
  /** The local port on 127.0.0.1; 0 for any free port. */
  readonly port: number
  /** The relay is connected for the first time, and again after each loss. */
  readonly onUp: (port: number) => void
  /** The connection to the relay is lost, or could not be made. The next attempt follows after `waitMs`. */
  readonly onDown: (error: TunnelLinkError, waitMs: number) => void
  /** A connection could not reach the circuit, for this reason (a sentence). */
  readonly onRefused: (reason: string) => void
  readonly limits?: Partial<ForwardLimits>
}

/** A running forward. */
export interface RunningForward {
  readonly port: number
  /** Resolves with the reason when the relay refuses the token for good, or undefined after `stop`. */
  readonly ended: Promise<TunnelLinkError | undefined>
  stop(): void
}

/** Listens on 127.0.0.1 and carries each connection to a circuit. Rejects if the port is in use. */
export async function forwardCircuit(options: ForwardOptions): Promise<RunningForward> {
  const forward = new CircuitForward(options)
  await forward.start()
  return forward
}

class CircuitForward implements RunningForward {
  readonly ended: Promise<TunnelLinkError | undefined>
  readonly #options: ForwardOptions
  readonly #limits: ForwardLimits
  readonly #dialler: TunnelDialler<ForwardTarget>
  readonly #open = new Set<Transport>()
  /** Resumes local connections that wait for the link. */
  readonly #waiting = new Set<() => void>()
  #end: (error: TunnelLinkError | undefined) => void
  #listener: Listener | undefined

  constructor(options: ForwardOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_FORWARD_LIMITS, ...options.limits }
    const { promise, resolve } = Promise.withResolvers<TunnelLinkError | undefined>()
    this.ended = promise
    this.#end = resolve
    this.#dialler = new TunnelDialler<ForwardTarget>({
      url: urlOf(options.relay, options.circuit),
      token: options.token,
      subprotocol: FORWARD_SUBPROTOCOL,
      readTarget: parseForwardTarget,
      limits: { backoff: this.#limits.backoff, connectMs: this.#limits.connectMs },
      onOpen: () => this.#up(),
      onDown: (error, waitMs) => this.#down(error, waitMs),
      onStream: (_link, stream) => stream.reset('refused', 'this side accepts no streams'),
      onControl: () => {
        throw new TunnelProtocolError('protocol', 'a control message')
      },
    })
  }

  get port(): number {
    return this.#listener?.port ?? 0
  }

  async start(): Promise<void> {
    this.#listener = await listen({ port: this.#options.port }, (transport) => this.#accept(transport))
    this.#dialler.start()
  }

  stop(error?: TunnelLinkError): void {
    this.#listener?.stop()
    this.#dialler.stop()
    for (const transport of this.#open) transport.destroy(error)
    this.#end(error)
  }

  #up(): void {
    this.#dialler.established()
    for (const resume of this.#waiting) resume()
    this.#options.onUp(this.port)
  }

  #down(error: TunnelLinkError, waitMs: number): void {
    if (isFinal(error)) this.stop(error)
    else this.#options.onDown(error, waitMs)
  }

  #accept(local: Transport): void {
    if (this.#open.size >= this.#limits.connections) return local.destroy()
    this.#open.add(local)
    const { link } = this.#dialler
    if (link?.hasRoom === true) return this.#join(local, link)
    this.#await(local)
  }

  /** Waits with a local connection until the relay is connected. Nothing is read from it meanwhile. */
  #await(local: Transport): void {
    local.pause()
    const end = (): void => {
      clearTimeout(timer)
      this.#waiting.delete(resume)
    }
    const resume = (): void => {
      const { link } = this.#dialler
      if (link?.hasRoom !== true) return
      end()
      this.#join(local, link)
    }
    const timer = setTimeout(
      () => local.destroy(new Error('the relay is not connected')),
      this.#limits.connectMs,
    )
    local.receiver = {
      onOpen: () => {},
      onData: () => {},
      onEnd: () => {},
      onDrain: () => {},
      onClose: () => {
        end()
        this.#open.delete(local)
      },
    }
    this.#waiting.add(resume)
  }

  #join(local: Transport, link: TunnelLink<ForwardTarget>): void {
    const stream = link.open({ circuit: this.#options.circuit })
    const { connectMs, idleMs } = this.#limits
    pipe(local, stream, {
      connectMs,
      idleMs,
      onDone: ({ error }) => {
        this.#open.delete(local)
        if (!stream.opened && error !== undefined) this.#options.onRefused(error.message)
      },
    })
  }
}

/** Whether another attempt would fail as well: the relay refuses the token, the address or the path. */
const isFinal = ({ status }: TunnelLinkError): boolean =>
  status !== undefined &&
  (status === CLOSE_CODES.forbidden || (status >= 400 && status < 500 && status !== 408 && status !== 429))

/** The WebSocket URL for a circuit at a relay. */
function urlOf(relay: string, circuit: string): string {
  const url = new URL(`${CIRCUIT_PATHS.tcp}${encodeURIComponent(circuit)}`, relay)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}
