import {
  type DiallerOptions,
  TunnelDialler,
  type TunnelLink,
  type TunnelLinkError,
} from '../../tunnel/index.ts'
import type { Logger } from '../../process/log.ts'
import { areTooFew, areTooMany } from './link-count.ts'
import type { GatewayLimits } from './limits.ts'

export interface LinksOptions extends Pick<DiallerOptions, 'url' | 'token' | 'onStream' | 'onControl'> {
  readonly limits: GatewayLimits
  readonly logger: Logger
  /** The number of the first link. Others follow. Links to different workers of a relay have different numbers. */
  readonly firstNumber?: number
  /** A link is open: register on it, with its number within the process. */
  readonly onOpen: (link: TunnelLink, number: number) => void
  /** A link is gone, or has ended after its last stream. */
  readonly onLost: (link: TunnelLink) => void
  /** The first link ended or could not be opened. The next attempt follows after `waitMs`. */
  readonly onDown: (error: TunnelLinkError, waitMs: number) => void
}

/** A link beyond the first one. */
interface Further {
  readonly dialler: TunnelDialler
  readonly number: number
  /** Whether it takes no new streams, and ends with its last one. */
  ending: boolean
}

/**
 * The links of a replica to the relay: one that always exists, and further ones while the existing links are nearly
 * full. A further link that fails is not dialled again by itself.
 */
export class Links {
  readonly #options: LinksOptions
  readonly #first: TunnelDialler
  readonly #further: Further[] = []
  /** How many streams the relay opens on one link. 0 until the relay has announced that it accepts further links. */
  #capacity = 0
  #check: NodeJS.Timeout | undefined
  #surplusSinceMs: number | undefined
  #notBeforeMs = 0

  constructor(options: LinksOptions) {
    this.#options = options
    this.#first = this.#makeDialler(options.firstNumber ?? 0, options.onDown)
  }

  start(): void {
    this.#first.start()
  }

  /** The relay has accepted a registration, and announces how many streams it opens on one link. */
  established(capacity: number | undefined): void {
    this.#first.established()
    if (capacity !== undefined) this.#capacity = Math.min(capacity, this.#options.limits.tunnel.streams)
  }

  /** Takes no new streams on any link. Running streams continue. */
  goAway(reason: string): void {
    for (const link of this.#links()) link.goAway(reason)
  }

  /** The number of running streams. */
  get streams(): number {
    let streams = 0
    for (const link of this.#links()) streams += link.streams
    return streams
  }

  /** Ends all links, and stops dialling. */
  stop(): void {
    clearInterval(this.#check)
    for (const { dialler } of this.#further) dialler.stop()
    this.#first.stop()
  }

  *#links(): Iterable<TunnelLink> {
    if (this.#first.link !== undefined) yield this.#first.link
    for (const { dialler } of this.#further) if (dialler.link !== undefined) yield dialler.link
  }

  #makeDialler(number: number, onDown: (error: TunnelLinkError, waitMs: number) => void): TunnelDialler {
    const { url, token, limits, onOpen, onStream, onControl, onLost } = this.#options
    return new TunnelDialler({
      url,
      token,
      limits: limits.tunnel,
      onControl,
      onOpen: (link) => onOpen(link, number),
      onStream: (link, stream) => {
        onStream(link, stream)
        this.#open()
      },
      onDown: (error, waitMs, link) => {
        if (link !== undefined) onLost(link)
        onDown(error, waitMs)
      },
    })
  }

  /** Opens a further link if the existing ones are nearly full. */
  #open(): void {
    const { limits, logger } = this.#options
    if (this.#capacity === 0 || this.#further.length + 1 >= limits.links) return
    let links = 1
    let streams = this.#first.link?.streams ?? 0
    for (const { dialler, ending } of this.#further) {
      if (ending) continue
      // A further link is being opened.
      if (dialler.link === undefined) return
      links++
      streams += dialler.link.streams
    }
    if (!areTooFew(streams, links, this.#capacity, limits) || performance.now() < this.#notBeforeMs) return
    const number = this.#freeNumber()
    logger.info({ streams, links, number }, 'the links to the relay are nearly full, opening a further one')
    const further = {
      number,
      ending: false,
      dialler: this.#makeDialler(number, (error) => this.#lost(further, error)),
    }
    this.#further.push(further)
    this.#surplusSinceMs = undefined
    this.#check ??= setInterval(() => this.#look(), limits.linkCheckMs)
    further.dialler.start()
  }

  #freeNumber(): number {
    const { firstNumber = 0 } = this.#options
    let number = firstNumber + 1
    while (this.#further.some((further) => further.number === number)) number++
    return number
  }

  #lost(further: Further, error: TunnelLinkError): void {
    const { limits, logger } = this.#options
    const { number } = further
    logger.warn({ number, status: error.status, reason: error.message }, 'a further link to the relay ended')
    this.#notBeforeMs = performance.now() + limits.linkRetryMs
    this.#drop(further)
  }

  #drop(further: Further): void {
    const { link } = further.dialler
    further.dialler.stop()
    this.#further.splice(this.#further.indexOf(further), 1)
    if (link !== undefined) this.#options.onLost(link)
    if (this.#further.length > 0) return
    clearInterval(this.#check)
    this.#check = undefined
  }

  /** Ends a link that has been surplus for long enough, and closes ending links without streams. */
  #look(): void {
    const done = this.#further.filter(({ ending, dialler }) => ending && dialler.link?.streams === 0)
    for (const further of done) this.#drop(further)
    const nowMs = performance.now()
    const newest = this.#surplus()
    if (newest === undefined) this.#surplusSinceMs = undefined
    else {
      this.#surplusSinceMs ??= nowMs
      if (nowMs - this.#surplusSinceMs >= this.#options.limits.surplusMs) this.#end(newest)
    }
  }

  /** The newest further link, if the others suffice. */
  #surplus(): Further | undefined {
    const { limits } = this.#options
    const taking = this.#further.filter(({ ending }) => !ending)
    const newest = taking.at(-1)
    if (newest?.dialler.link === undefined || this.#first.link === undefined) return undefined
    const streams = taking.reduce(
      (sum, { dialler }) => sum + (dialler.link?.streams ?? 0),
      this.#first.link.streams,
    )
    return areTooMany(streams, taking.length + 1, this.#capacity, limits) ? newest : undefined
  }

  #end(further: Further): void {
    const { logger } = this.#options
    logger.info({ number: further.number }, 'a further link to the relay is no longer needed, ending it')
    this.#surplusSinceMs = undefined
    further.ending = true
    further.dialler.link?.goAway('the other links of this process are enough')
  }
}
