import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { HttpError } from '../proxy/errors.ts'
import { bodyTooLarge } from '../proxy/failures.ts'
import { fieldObject, type FieldList } from './head.ts'
import type { Http2Parts } from './parts.ts'
import { Replay } from './replay.ts'
import { RequestEnd } from './request-end.ts'
import type { UpstreamStream } from './upstream-stream.ts'

export const NO_TRAILERS: OutgoingHttpHeaders = {}

/** Receives the events of an upload. */
export interface UploadOwner {
  /** This many bytes arrived, or (0) the upstream reads again. */
  uploadMoved(bytes: number): void
  /** The whole body has arrived. */
  uploadEnded(): void
  /** The body has more bytes than the decision permits. None of those beyond are sent. */
  fail(error: HttpError): void
}

/** A request's body: read from the client, its beginning kept, and sent to the current upstream. */
export class Upload {
  /** True once the whole body has arrived. */
  done: boolean
  /** The upstream does not read. */
  blocked = false
  bytes = 0
  /** The largest body, from the decision. */
  bodyBytes: number | undefined = undefined
  readonly #down: ServerHttp2Stream
  readonly #owner: UploadOwner
  readonly #replay: Replay
  #up: UpstreamStream | undefined = undefined
  #reading = false
  #keeping = true
  #trailers = NO_TRAILERS
  #end: RequestEnd | undefined = undefined

  constructor(down: ServerHttp2Stream, none: boolean, parts: Http2Parts, owner: UploadOwner) {
    this.#down = down
    this.done = none
    this.#replay = new Replay(parts.limits.replayBytes)
    this.#owner = owner
    if (none) return
    // Of an empty body, Node may emit the end before the stream is read.
    down.on('end', () => this.#ended())
    // They may arrive before the upstream is connected.
    down.on('trailers', (_fields: IncomingHttpHeaders, _flags: number, list: unknown) => {
      this.#trailers = fieldObject(list as FieldList, parts.refusesTrailer)
    })
  }

  /** True if everything that was sent of it can be sent again. */
  get repeatable(): boolean {
    return this.#replay.whole
  }

  /** Sends the body to this upstream: first the kept bytes, then what arrives. */
  sendTo(up: UpstreamStream): void {
    this.#up = up
    this.blocked = false
    up.on('wantTrailers', () => up.sendTrailers(this.#trailers))
    up.on('drain', () => {
      if (up !== this.#up) return
      this.blocked = false
      this.#owner.uploadMoved(0)
      this.#down.resume()
    })
    for (const chunk of this.#replay.chunks) up.write(chunk)
    if (this.done) up.end()
    else this.#read()
  }

  /** The upstream has gone, so the client waits for the next one. */
  hold(): void {
    this.#up = undefined
    this.#down.pause()
  }

  /** The response is about to be complete, and the body is not. */
  outlive(): void {
    this.keepNothing()
    if (this.done) return
    // The rest is a window at most, and would be lost with the client's connection.
    this.#end ??= new RequestEnd(this.#down, () => this.#down.resume())
  }

  /** The rest of the body is no longer wanted: reads and drops it. */
  drop(): void {
    this.#up = undefined
    if (!this.done) this.#read()
  }

  /** The body will not be sent again. */
  keepNothing(): void {
    this.#keeping = false
    this.#replay.drop()
  }

  #read(): void {
    const down = this.#down
    if (this.#reading) return void down.resume()
    this.#reading = true
    down.on('data', (chunk: Buffer) => this.#data(chunk))
  }

  #ended(): void {
    // The end of a stream that was reset is not the end of its request.
    if (this.#down.aborted || this.#end?.seen === false) return
    this.done = true
    this.#up?.end()
    this.#owner.uploadEnded()
  }

  #data(chunk: Buffer): void {
    this.bytes += chunk.length
    if (this.bodyBytes !== undefined && this.bytes > this.bodyBytes)
      return this.#owner.fail(bodyTooLarge(this.bodyBytes))
    // Before anything else: an upstream that is closing loses it, and the next one needs it.
    if (this.#keeping) this.#replay.keep(chunk)
    const up = this.#up
    if (up !== undefined && !up.closed && !up.write(chunk)) {
      this.blocked = true
      if (this.#end?.seen !== true) this.#down.pause()
    }
    this.#owner.uploadMoved(chunk.length)
  }
}
