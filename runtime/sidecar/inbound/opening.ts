import { IGNORE, type Receiver, type Transport } from '../../transport/transport.ts'
import type { RareLog } from '../../process/rare-log.ts'
import type { Arrival } from './arrival.ts'
import type { RawDial, RawDialOwner } from './raw-dial.ts'
import { type Spoken, verdict } from './sniff.ts'
import type { RawConnections, Read } from './tcp.ts'

/** The waits and bounds of connections of which it is not known what they speak. */
export interface OpeningLimits {
  /** Without a byte from the client of an undeclared port, before the app is asked to speak first. Default: 50 ms. */
  readonly silenceMs: number
  /** Without another byte of a first line that is not complete; it is then judged by its beginning. Default: 3 s. */
  readonly firstLineMs: number
  /**
   * Without a byte from the client of a port that is declared to speak HTTP, or of one whose app cannot be reached:
   * the connection ends. Default: 10 s.
   */
  readonly firstByteMs: number
  /** Connections at one time; the next one is cut. Default: 10,000. */
  readonly openings: number
  /** At stop: for the first bytes that are on their way already. Default: 500 ms. */
  readonly drainMs: number
}

export const DEFAULT_OPENING_LIMITS: OpeningLimits = {
  silenceMs: 50,
  firstLineMs: 3_000,
  firstByteMs: 10_000,
  openings: 10_000,
  drainMs: 500,
}

/** Where connections go once it is known what they speak. */
export interface Engines {
  readonly raw: RawConnections
  /** `ended`: the client has ended its direction. */
  http(spoken: Exclude<Spoken, 'raw'>, client: Transport, arrival: Arrival, read: Read): void
}

/**
 * Accepted connections of which it is not known yet what they speak. On ports that are declared to speak HTTP the
 * first bytes decide which version. On undeclared ports they decide whether it is HTTP at all, whenever they arrive;
 * while they do not, the app's connection is opened, since a server may speak first.
 */
export class Openings {
  readonly limits: OpeningLimits
  readonly engines: Engines
  readonly #refusals: RareLog
  readonly #open = new Set<Opening>()
  #onIdle: (() => void) | undefined = undefined

  constructor(engines: Engines, refusals: RareLog, limits: Partial<OpeningLimits> = {}) {
    this.engines = engines
    this.#refusals = refusals
    this.limits = { ...DEFAULT_OPENING_LIMITS, ...limits }
  }

  get size(): number {
    return this.#open.size
  }

  /** Takes over an accepted connection, in the tick in which it was accepted. */
  serve(client: Transport, arrival: Arrival): void {
    const { openings } = this.limits
    if (this.#open.size >= openings) {
      const reason = `more than ${openings} connections that have not said what they speak (openings)`
      this.#refusals.add({ client: client.remoteAddress, reason })
      return client.destroy(new Error(reason))
    }
    this.#open.add(new Opening(client, arrival, this))
  }

  left(opening: Opening): void {
    this.#open.delete(opening)
    if (this.#open.size === 0) this.#onIdle?.()
  }

  /** Waits for first bytes that are on their way, then ends what is left. Accepting has to be over. */
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
/** Nothing more is read of an app whose first words decide nothing. */
const MAX_HEARD_BYTES = 16 * 1024

/** One of {@link Openings}. */
class Opening implements Receiver, RawDialOwner {
  readonly #client: Transport
  readonly #arrival: Arrival
  readonly #openings: Openings
  readonly #declared: boolean
  #bytes: Buffer = EMPTY
  #ended = false
  #stopped = false
  #heard: Buffer = EMPTY
  #appEnded = false
  #dial: RawDial | undefined = undefined
  #peer: Transport | undefined = undefined
  /** It is raw, and waits for the app's connection. */
  #raw = false
  #over = false
  #timer: NodeJS.Timeout

  constructor(client: Transport, arrival: Arrival, openings: Openings) {
    this.#client = client
    this.#arrival = arrival
    this.#openings = openings
    this.#declared = arrival.inbound.protocol !== 'auto'
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
    // A process that stood still has not read yet what has come meanwhile: it reads before it judges.
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
        this.#heard = Buffer.concat([this.#heard, data])
        if (!this.#decide() && this.#heard.length > MAX_HEARD_BYTES) peer.pause()
      },
      onEnd: () => {
        this.#appEnded = true
        this.#decide()
      },
      onClose: (error) => this.#client.destroy(error),
    }
    if (this.#raw) this.#join(peer)
  }

  /** Whether it is HTTP for somebody else than this app, the client's bytes may still say. */
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

  /** The client has not said anything: perhaps it waits for the app to speak first. */
  #listen(): void {
    const dial = this.#openings.engines.raw.dial(this.#client, this.#arrival, this)
    if (!dial.over) this.#dial = dial
  }

  /** The client does not go on with its first line, of which so many bytes are here. */
  #stop(length: number): void {
    if (this.#over || this.#bytes.length !== length) return
    this.#stopped = true
    this.#decide()
  }

  /** Hands the connection over if it is known what it speaks. */
  #decide(): boolean {
    if (this.#raw || this.#over) return true
    const spoken = verdict({
      declared: this.#declared,
      bytes: this.#bytes,
      last: this.#ended || this.#stopped,
      heard: this.#heard,
      appEnded: this.#appEnded,
    })
    if (spoken === undefined) return false
    const { engines } = this.#openings
    const read = { bytes: this.#bytes, ended: this.#ended }
    if (spoken === 'raw') this.#serveRaw(read)
    else {
      this.#leave()
      this.#dial?.cancel()
      this.#drop()
      engines.http(spoken, this.#client, this.#arrival, read)
    }
    return true
  }

  #serveRaw(read: Read): void {
    clearTimeout(this.#timer)
    if (this.#peer !== undefined) return this.#join(this.#peer)
    if (this.#dial === undefined) {
      this.#leave()
      return this.#openings.engines.raw.serve(this.#client, this.#arrival, read)
    }
    this.#raw = true
    this.#client.pause()
  }

  #join(peer: Transport): void {
    this.#leave()
    const read = { bytes: this.#bytes, ended: this.#ended }
    const heard = { bytes: this.#heard, ended: this.#appEnded }
    this.#openings.engines.raw.join(this.#client, peer, read, heard)
  }

  /** The app's connection was opened in vain. */
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
