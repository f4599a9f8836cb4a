import { randomUUID } from 'node:crypto'
import type { Registered, RegisteredPreview } from '@branchline/wire/tunnel/control'
import type { TunnelLink } from '../../tunnel/index.ts'
import type { GatewayView, PlannedPreview } from '../gateway-view.ts'

/** Previews in one control message: far below its limit of octets. */
const PAGE = 2_000

/** Keeps what the relay knows of our previews the same as what is planned. */
export class Registrar {
  readonly #view: GatewayView
  readonly #cluster: string
  /** Tells this process apart from other replicas of the cluster's manager. */
  readonly #instance = randomUUID()
  /** By label, what the link at hand was told. */
  #told = new Map<string, string>()
  #link: TunnelLink | undefined
  #leads = false

  constructor(view: GatewayView, cluster: string) {
    this.#view = view
    this.#cluster = cluster
  }

  /** A new link: tells all. */
  register(link: TunnelLink): void {
    this.#link = link
    const previews = this.#view.previews().map(wireOf)
    this.#told = new Map(previews.map((preview) => [preview.label, JSON.stringify(preview)]))
    const identity = { cluster: this.#cluster, instance: this.#instance, leads: this.#leads }
    const more = previews.length > PAGE
    link.control({ type: 'register', ...identity, previews: previews.slice(0, PAGE), ...(more && { more }) })
    this.#update(previews.slice(PAGE), [])
  }

  /** The plan changed: tells what did. */
  update(planned: readonly PlannedPreview[]): void {
    if (this.#link === undefined) return
    const previews = planned.map(wireOf)
    const next = new Map(previews.map((preview) => [preview.label, JSON.stringify(preview)]))
    const upsert = previews.filter(({ label }) => next.get(label) !== this.#told.get(label))
    const remove = [...this.#told.keys()].filter((label) => !next.has(label))
    this.#told = next
    this.#update(upsert, remove)
  }

  /** Says whether this replica leads. */
  lead(leads: boolean): void {
    this.#leads = leads
    this.#link?.control({ type: 'update', upsert: [], remove: [], leads })
  }

  /** Hands the relay's answer to the statuses. */
  answered(message: Registered): void {
    for (const { label, url, refusal } of message.previews) {
      if (!this.#told.has(label)) continue
      if (refusal !== undefined) this.#view.report(label, { state: 'refused', message: refusal })
      else this.#view.report(label, { state: 'registered', ...hostOf(url) })
    }
  }

  /** The link is gone, and with it what the relay said. */
  lost(): void {
    this.#link = undefined
    for (const label of this.#told.keys()) this.#view.report(label, { state: 'disconnected' })
    this.#told.clear()
  }

  #update(upsert: readonly RegisteredPreview[], remove: readonly string[]): void {
    const pages = Math.ceil(Math.max(upsert.length, remove.length) / PAGE)
    for (let page = 0; page < pages; page++) {
      const cut = <T>(list: readonly T[]): T[] => list.slice(page * PAGE, (page + 1) * PAGE)
      const more = page < pages - 1
      this.#link?.control({ type: 'update', upsert: cut(upsert), remove: cut(remove), ...(more && { more }) })
    }
  }
}

function wireOf({ label, environment, key, service, port, access }: PlannedPreview): RegisteredPreview {
  return { label, environment, key, service, port, access }
}

function hostOf(url: string | undefined): { url?: string; host?: string } {
  return url === undefined ? {} : { url, host: new URL(url).hostname }
}
