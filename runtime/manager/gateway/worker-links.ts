import { parseRelayMessage, type Registered } from '@branchline/wire/tunnel/control'
import { TUNNEL_PATH } from '@branchline/wire/names'
import { Links, type LinksOptions } from './links.ts'

/** How the links to further workers differ from those to the relay's own URL. */
export interface WorkerLinksOptions extends Omit<
  LinksOptions,
  'url' | 'onControl' | 'onDown' | 'firstNumber'
> {
  /** The relay's own URL, to which there are links already. */
  readonly own: string
  readonly onMessage: (message: Registered) => void
}

/** Links of one worker have numbers of their own, so that the relay's own URL may lead to the same worker. */
const NUMBERS = 64
const CHECK_MS = 1_000

/**
 * The links to further workers of the relay, which the worker at the relay's own URL names. A failed link is dialled
 * again; the links to the relay's own URL alone say whether the relay is reached.
 */
export class WorkerLinks {
  readonly #options: WorkerLinksOptions
  /** By URL. */
  readonly #workers = new Map<string, { readonly links: Links; readonly place: number }>()
  /** Links that end with their last stream. */
  readonly #ending = new Set<Links>()
  #check: NodeJS.Timeout | undefined

  constructor(options: WorkerLinksOptions) {
    this.#options = options
  }

  get streams(): number {
    let streams = 0
    for (const { links } of this.#workers.values()) streams += links.streams
    for (const links of this.#ending) streams += links.streams
    return streams
  }

  /** Keeps links to exactly these workers. */
  follow(urls: readonly string[]): void {
    const wanted = new Set(followable(urls, this.#options.own))
    for (const [url, { links }] of this.#workers) {
      if (wanted.has(url)) continue
      this.#workers.delete(url)
      this.#end(links)
    }
    for (const url of wanted) if (!this.#workers.has(url)) this.#open(url)
  }

  goAway(reason: string): void {
    for (const { links } of this.#workers.values()) links.goAway(reason)
  }

  stop(): void {
    clearInterval(this.#check)
    for (const { links } of this.#workers.values()) links.stop()
    for (const links of this.#ending) links.stop()
  }

  #open(url: string): void {
    const { logger, onMessage } = this.#options
    const places = new Set([...this.#workers.values()].map(({ place }) => place))
    let place = 1
    while (places.has(place)) place++
    const links: Links = new Links({
      ...this.#options,
      url,
      firstNumber: place * NUMBERS,
      onControl: (_link, payload) => {
        const message = parseRelayMessage(payload)
        if (message.type === 'goaway') return
        links.established(message.streams)
        onMessage(message)
      },
      onDown: (error) => logger.debug({ url, reason: error.message }, 'no link to a further worker'),
    })
    this.#workers.set(url, { links, place })
    logger.info({ url }, 'connecting to a further worker of the relay')
    links.start()
  }

  #end(links: Links): void {
    links.goAway('the relay no longer names this worker')
    this.#ending.add(links)
    this.#check ??= setInterval(() => this.#endIdle(), CHECK_MS)
  }

  #endIdle(): void {
    for (const links of this.#ending) {
      if (links.streams > 0) continue
      links.stop()
      this.#ending.delete(links)
    }
    if (this.#ending.size > 0) return
    clearInterval(this.#check)
    this.#check = undefined
  }
}

/**
 * The URLs of further workers to which a manager connects. Each link sends the manager's credential, so a relay that is
 * reached over TLS cannot name a worker that is reached without.
 */
export function followable(urls: readonly string[], own: string): string[] {
  const isSecure = own.startsWith('wss:')
  return urls.map(withPath).filter((url) => url !== own && (!isSecure || url.startsWith('wss:')))
}

function withPath(text: string): string {
  const url = new URL(text)
  if (url.pathname === '' || url.pathname === '/') url.pathname = TUNNEL_PATH
  return url.href
}
