import { IGNORE, type Receiver, type Transport } from '../../transport/transport.ts'
import type { RareLog } from '../../process/rare-log.ts'
import type { EntryPort } from './context.ts'
import type { Reach } from '../../transport/reach.ts'
import { type DetectedProtocol, detect } from './sniff.ts'
import type { RawConnections, RawDialOwner, EarlyData } from './tcp.ts'

/** The waits and limits of connections whose protocol is not known yet. */
export interface OpeningLimits {
  /** How long the client of an undeclared port may send nothing before the app's connection is opened. Default: 50 ms. */
  readonly silenceMs: number
  /** How long an incomplete first line may pause before its beginning decides the protocol. Default: 3 s. */
  readonly firstLineMs: number
  /**
   * How long the client may send nothing on a port that is declared as HTTP, or whose app cannot be reached, before
   * the connection is closed. Default: 10 s.
   */
  readonly firstByteMs: number
  /** The maximum such connections at a time. Further ones are cut. Default: 10,000. */
  readonly openings: number
  /** How long a stopping sidecar waits for first bytes that are already on their way. Default: 500 ms. */
  readonly drainMs: number
}

export const DEFAULT_OPENING_LIMITS: OpeningLimits = {
  silenceMs: 50,
  firstLineMs: 3_000,
  firstByteMs: 10_000,
  openings: 10_000,
  drainMs: 500,
}

/** The engines that serve connections once their protocol is known. */
export interface Engines {
  readonly raw: RawConnections
  /** `ended`: the client has ended its direction. */
  http(
    detected: Exclude<DetectedProtocol, 'raw'>,
    client: Transport,
    entry: EntryPort,
    early: EarlyData,
  ): void
}

/**
 * Accepted connections whose protocol is not known yet. On ports that are declared as HTTP, the first bytes decide
 * the version. On undeclared ports they also decide whether it is HTTP at all, whenever they arrive. Until then the
 * app's connection is opened, because a server may send first.
 */
export class Openings {
  readonly limits: OpeningLimits
  readonly engines: Engines
  /** Whether visitors send requests here through an ingress. */
  readonly isEntry: boolean
  readonly #refusals: RareLog
  readonly #open = new Set<Opening>()
  #onIdle: (() => void) | undefined = undefined

  constructor(engines: Engines, refusals: RareLog, limits: Partial<OpeningLimits> = {}, isEntry = false) {
    this.engines = engines
    this.isEntry = isEntry
    this.#refusals = refusals
    this.limits = { ...DEFAULT_OPENING_LIMITS, ...limits }
  }

  get size(): number {
    return this.#open.size
  }

  /** Takes over an accepted connection. Call it in the tick in which the connection was accepted. */
  serve(client: Transport, entry: EntryPort): void {
    const { openings } = this.limits
    if (this.#open.size >= openings) {
      const reason = `more than ${openings} connections whose protocol is not known yet (openings)`
      this.#refusals.add({ client: client.remoteAddress, reason })
      return client.destroy(new Error(reason))
    }
    this.#open.add(new Opening(client, entry, this))
  }

  left(opening: Opening): void {
    this.#open.delete(opening)
    if (this.#open.size === 0) this.#onIdle?.()
  }

  /** Waits for first bytes that are on their way, then closes the rest. Call it after accepting has ended. */
  async stop(): Promise<void> {
    if (this.#open.size === 0) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
      timer = setTimeout(() => {
        for (const opening of this.#open) opening.end()
      }, this.limits.drainMs)
    })
    clearTimeout(timer)
  }
}

const EMPTY = Buffer.alloc(0)
/** After this many bytes of an app that decide nothing, the app's connection is paused. */
const MAX_APP_BYTES = 16 * 1024

/** One of {@link Openings}. */
class Opening implements Receiver, RawDialOwner {
  readonly #client: Transport
  readonly #entry: EntryPort
  readonly #openings: Openings
  readonly #declared: boolean
  #bytes: Buffer = EMPTY
  #ended = false
  #stopped = false
  #appBytes: Buffer = EMPTY
  #appEnded = false
  #dial: Reach | undefined = undefined
  #peer: Transport | undefined = undefined
  /** The connection is raw, and waits for the app's connection. */
  #raw = false
  #over = false
  #timer: NodeJS.Timeout

  constructor(client: Transport, entry: EntryPort, openings: Openings) {
    this.#client = client
    this.#entry = entry
    this.#openings = openings
    this.#declared = entry.inbound.protocol !== 'auto'
    const { silenceMs, firstByteMs } = openings.limits
    this.#timer = this.#declared
      ? setTimeout(() => this.end(), firstByteMs)
      : setTimeout(() => this.#listen(), silenceMs)
    client.receiver = this
  }

  onOpen(): void {}
  onDrain(): void {}

  onData(data: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, data])
    if (this.#decide()) return
    clearTimeout(this.#timer)
    const { length } = this.#bytes
    // After a pause of the process, bytes may wait in the socket. EarlyData them before deciding.
    const stop = (): void => void setImmediate(() => this.#stop(length))
    this.#timer = setTimeout(stop, this.#openings.limits.firstLineMs)
  }

  onEnd(): void {
    this.#ended = true
    this.#decide()
  }

  onClose(): void {
    this.#leave()
    this.#dial?.cancel()
    this.#peer?.destroy()
  }

  reached(peer: Transport): void {
    this.#dial = undefined
    this.#peer = peer
    peer.receiver = {
      ...IGNORE,
      onData: (data) => {
        this.#appBytes = Buffer.concat([this.#appBytes, data])
        if (!this.#decide() && this.#appBytes.length > MAX_APP_BYTES) peer.pause()
      },
      onEnd: () => {
        this.#appEnded = true
        this.#decide()
      },
      onClose: (error) => this.#client.destroy(error),
    }
    if (this.#raw) this.#join(peer)
  }

  /** The app cannot be reached, but the client may still send a request for another environment. */
  unreachable(): void {
    this.#dial = undefined
    if (this.#raw) return this.#client.destroy(new Error('no endpoint could be reached'))
    if (this.#bytes.length > 0) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.end(), this.#openings.limits.firstByteMs)
  }

  end(): void {
    this.#client.destroy()
  }

  /** The client has sent nothing. Perhaps it waits for the app to send first. */
  #listen(): void {
    const dial = this.#openings.engines.raw.dial(this.#client, this.#entry, this)
    if (!dial.over) this.#dial = dial
  }

  /** The client has paused within its first line. `length` is the number of bytes that had arrived then. */
  #stop(length: number): void {
    if (this.#over || this.#bytes.length !== length) return
    this.#stopped = true
    this.#decide()
  }

  /** Passes the connection to an engine if its protocol is known. */
  #decide(): boolean {
    if (this.#raw || this.#over) return true
    const detected = detect({
      declared: this.#declared,
      isEntry: this.#openings.isEntry,
      bytes: this.#bytes,
      last: this.#ended || this.#stopped,
      appBytes: this.#appBytes,
      appEnded: this.#appEnded,
    })
    if (detected === undefined) return false
    const { engines } = this.#openings
    const early = { bytes: this.#bytes, ended: this.#ended }
    if (detected === 'raw') this.#serveRaw(early)
    else {
      this.#leave()
      this.#dial?.cancel()
      this.#drop()
      engines.http(detected, this.#client, this.#entry, early)
    }
    return true
  }

  #serveRaw(early: EarlyData): void {
    clearTimeout(this.#timer)
    if (this.#peer !== undefined) return this.#join(this.#peer)
    if (this.#dial === undefined) {
      this.#leave()
      return this.#openings.engines.raw.serve(this.#client, this.#entry, early)
    }
    this.#raw = true
    this.#client.pause()
  }

  #join(peer: Transport): void {
    this.#leave()
    const early = { bytes: this.#bytes, ended: this.#ended }
    const appEarly = { bytes: this.#appBytes, ended: this.#appEnded }
    this.#openings.engines.raw.join(this.#client, peer, early, appEarly)
  }

  /** Closes the app's connection, which is not needed. */
  #drop(): void {
    if (this.#peer === undefined) return
    this.#peer.receiver = IGNORE
    this.#peer.destroy()
  }

  #leave(): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#openings.left(this)
  }
}
