import { randomUUID } from 'node:crypto'
import type { Registered, RegisteredPreview } from '@branchline/wire/tunnel/control'
import type { TunnelLink } from '../../tunnel/index.ts'
import type { GatewayView, PlannedPreview } from '../gateway-view.ts'

/** The maximum previews in one control message. Keeps it far below its limit of bytes. */
const PAGE = 2_000

/** Keeps the relay's list of previews equal to the planned previews. */
export class Registrar {
  readonly #view: GatewayView
  readonly #cluster: string
  /** Distinguishes this process from other replicas of the cluster's manager. */
  readonly #instance = randomUUID()
  /** By label: the previews sent on all links. */
  #sent = new Map<string, string>()
  readonly #links = new Set<TunnelLink>()
  #leads = false

  constructor(view: GatewayView, cluster: string) {
    this.#view = view
    this.#cluster = cluster
  }

  /** Sends all previews on a new link. `number` is 0 for the first link of this process. */
  register(link: TunnelLink, number: number): void {
    const planned = this.#view.previews()
    this.update(planned)
    this.#links.add(link)
    const previews = planned.map(wireOf)
    this.#sent = sentOf(previews)
    const identity = { cluster: this.#cluster, instance: this.#instance, leads: this.#leads }
    const which = { ...identity, ...(number > 0 && { link: number }) }
    const more = previews.length > PAGE
    link.control({ type: 'register', ...which, previews: previews.slice(0, PAGE), ...(more && { more }) })
    update(link, previews.slice(PAGE), [])
  }

  /** Sends what changed in the plan. */
  update(planned: readonly PlannedPreview[]): void {
    if (this.#links.size === 0) return
    const previews = planned.map(wireOf)
    const next = sentOf(previews)
    const upsert = previews.filter(({ label }) => next.get(label) !== this.#sent.get(label))
    const remove = [...this.#sent.keys()].filter((label) => !next.has(label))
    this.#sent = next
    for (const link of this.#links) update(link, upsert, remove)
  }

  /** Tells the relay whether this replica leads. */
  lead(leads: boolean): void {
    this.#leads = leads
    for (const link of this.#links) link.control({ type: 'update', upsert: [], remove: [], leads })
  }

  /** Reports the relay's response for the statuses. */
  registered(message: Registered): void {
    for (const { label, url, refusal } of message.previews) {
      if (!this.#sent.has(label)) continue
      if (refusal !== undefined) this.#view.report(label, { state: 'refused', message: refusal })
      else this.#view.report(label, { state: 'registered', ...hostOf(url) })
    }
  }

  /** A link is gone. With the last one, every registration is. */
  lost(link: TunnelLink): void {
    this.#links.delete(link)
    if (this.#links.size > 0) return
    for (const label of this.#sent.keys()) this.#view.report(label, { state: 'disconnected' })
    this.#sent.clear()
  }
}

/** Sends changes on a link, in pages. */
function update(link: TunnelLink, upsert: readonly RegisteredPreview[], remove: readonly string[]): void {
  const pages = Math.ceil(Math.max(upsert.length, remove.length) / PAGE)
  for (let page = 0; page < pages; page++) {
    const cut = <T>(list: readonly T[]): T[] => list.slice(page * PAGE, (page + 1) * PAGE)
    const more = page < pages - 1
    link.control({ type: 'update', upsert: cut(upsert), remove: cut(remove), ...(more && { more }) })
  }
}

const sentOf = (previews: readonly RegisteredPreview[]): Map<string, string> =>
  new Map(previews.map((preview) => [preview.label, JSON.stringify(preview)]))

function wireOf(planned: PlannedPreview): RegisteredPreview {
  const { label, environment, key, service, port, access, protocol } = planned
  return { label, environment, key, service, port, access, ...(protocol !== undefined && { protocol }) }
}

function hostOf(url: string | undefined): { url?: string; host?: string } {
  return url === undefined ? {} : { url, host: new URL(url).hostname }
}
