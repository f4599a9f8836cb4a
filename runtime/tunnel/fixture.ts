import type { Receiver } from '../transport/transport.ts'
import { DEFAULT_TUNNEL_LIMITS, type TunnelLimits } from './limits.ts'
import { Mux } from './mux.ts'
import type { TunnelStream } from './stream.ts'

/** The target of the streams in this folder's tests. */
export const TARGET = { environment: 'alice', service: 'web', port: 80 }

/** Records the events of a stream. */
export class Recorder implements Receiver {
  text = ''
  bytes = 0
  opened = false
  ended = false
  drains = 0
  closes = 0
  error: Error | undefined
  readonly keep: boolean
  constructor(keep = true) {
    this.keep = keep
  }
  onOpen(): void {
    this.opened = true
  }
  onData(data: Buffer): void {
    this.bytes += data.length
    if (this.keep) this.text += data.toString('latin1')
  }
  onEnd(): void {
    this.ended = true
  }
  onDrain(): void {
    this.drains++
  }
  onClose(error?: Error): void {
    this.closes++
    this.error = error
  }
}

/** Two muxes over an ordered exchange of messages, which a test can hold up message by message. */
export class Pair {
  readonly relay: Mux
  readonly cluster: Mux
  readonly accepted: { stream: TunnelStream; recorder: Recorder }[] = []
  readonly #faults: unknown[] = []
  overflows = 0
  /** Messages in transit to the relay and to the cluster. */
  readonly toRelay: (() => void)[] = []
  readonly toCluster: (() => void)[] = []
  onAccepted: (stream: TunnelStream) => void = (stream) => stream.accept()

  constructor(limits: Partial<TunnelLimits> = {}) {
    const all = { ...DEFAULT_TUNNEL_LIMITS, ...limits }
    const common = { limits: all, onControl: () => {}, onOverflow: () => void this.overflows++ }
    this.relay = new Mux({
      ...common,
      dialler: false,
      send: (message, sent) => this.toCluster.push(() => this.#carry(this.cluster, message, sent)),
      onStream: () => {},
    })
    this.cluster = new Mux({
      ...common,
      dialler: true,
      send: (message, sent) => this.toRelay.push(() => this.#carry(this.relay, message, sent)),
      onStream: (stream) => {
        const recorder = new Recorder()
        stream.receiver = recorder
        this.accepted.push({ stream, recorder })
        this.onAccepted(stream)
      },
    })
  }

  #carry(to: Mux, message: Buffer, sent: () => void): void {
    const copy = Buffer.from(message)
    sent()
    try {
      to.receive(copy)
    } catch (error) {
      this.#faults.push(error)
    }
  }

  /** Carries messages, turn by turn, until there are none. Throws what a mux threw in the meantime. */
  async settle(maxTurns = 10_000): Promise<void> {
    for (let quiet = 0, turn = 0; quiet < 3 && turn < maxTurns; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      const moves = [...this.toCluster.splice(0), ...this.toRelay.splice(0)]
      for (const move of moves) move()
      quiet = moves.length === 0 ? quiet + 1 : 0
    }
    if (this.#faults.length > 0) throw this.#faults[0]
  }

  open(keep = true): { stream: TunnelStream; recorder: Recorder } {
    const stream = this.relay.open(TARGET)
    const recorder = new Recorder(keep)
    stream.receiver = recorder
    return { stream, recorder }
  }
}
