import type { KubernetesObject } from '@branchline/wire/kubernetes'
import type { Logger } from '../process/log.ts'
import { expiredAt } from './expiry/expiry.ts'
import { Remover } from './expiry/remover.ts'
import type { GatewayView, PlannedPreview, Registration } from './gateway-view.ts'
import type { ManagerMetrics } from './metrics.ts'
import type { Leadership } from './leadership.ts'
import type { PlanChange, PreviewPlan } from './plan/plan.ts'
import { Planner } from './plan/planner.ts'
import { resolve } from './plan/resolve.ts'
import { Hub } from './push/hub.ts'
import type { PushLimits } from './push/limits.ts'
import { PodOrigins } from './push/origin.ts'
import { Propagation } from './propagation/propagation.ts'
import type { Removal, Source, SourceEvent } from './sources/source.ts'
import {
  environmentStatus,
  previewStatus,
  type PreviewSummary,
  previewSummary,
  type Sidecars,
} from './status/status.ts'
import { StatusWriter } from './status/writer.ts'
import { nameId } from './store/snapshot.ts'
import { type Complaint, Store } from './store/store.ts'

export interface DriverOptions {
  readonly source: Source
  readonly leadership: Leadership
  readonly limits: PushLimits
  readonly metrics: ManagerMetrics
  readonly logger: Logger
  /** How long changes are collected into one epoch. */
  readonly gatherMs: number
  /** Whether to quote what failed containers wrote. */
  readonly podMessages: boolean
}

/** The maximum wait. A timer takes at most 2^31 ms, and the clock may be set or the machine may sleep meanwhile. */
const MAX_EXPIRY_WAIT_MS = 3_600_000

/** Carries every change from the source to the sidecars: through store, plan and push, and then to the statuses. */
export class Driver {
  readonly hub: Hub
  readonly origins: PodOrigins
  readonly gateway: GatewayView
  readonly #options: DriverOptions
  readonly #store: Store
  readonly #planner = new Planner()
  readonly #statuses: StatusWriter
  readonly #propagation: Propagation
  readonly #registrations = new Map<string, Registration>()
  readonly #previewListeners = new Set<(previews: readonly PlannedPreview[]) => void>()
  /** By namespace: the newest epoch in which a table of its sidecars changed. */
  readonly #epochs = new Map<string, number>()
  /** Ids of Previews, by namespace. */
  readonly #previewsIn = new Map<string, Set<string>>()
  /** The newest known metadata of each Environment. */
  readonly #metadata = new Map<string, Metadata>()
  readonly #remover: Remover | undefined
  #previews: readonly PlannedPreview[] = []
  #epoch = 0
  #synced = false
  #timer: NodeJS.Timeout | undefined
  #expiryTimer: NodeJS.Timeout | undefined

  constructor(options: DriverOptions) {
    const { source, leadership, limits, logger, metrics, podMessages } = options
    this.#options = options
    this.origins = new PodOrigins(limits)
    const complain: Complaint = ({ kind, metadata }, reason) => {
      logger.warn(
        { kind, namespace: metadata.namespace, name: metadata.name, reason },
        'ignored an invalid object',
      )
    }
    this.#store = new Store(complain, { messages: podMessages })
    this.#statuses = new StatusWriter({ write: (write) => source.writeStatus(write), logger })
    const remove = source.remove?.bind(source)
    this.#remover = remove && new Remover({ remove, removalOf: (id) => this.#removal(id), logger })
    this.#propagation = new Propagation({
      plan: () => this.#planner.plan,
      podAt: (address) => this.#planner.podAt(address),
      onChange: (id) => this.#writeEnvironment(id),
    })
    this.hub = new Hub({
      limits,
      logger,
      tableOf: (pod) => (this.#epoch === 0 ? undefined : this.#planner.plan.tables.get(pod)),
      epoch: () => this.#epoch,
      onStanding: (pod, tookMs) => {
        if (tookMs !== undefined) metrics.ackSeconds.observe(tookMs / 1000)
        this.#writeEnvironmentOf(namespaceOf(pod))
      },
      onHopDropped: (reason) => metrics.droppedHops.inc(reason),
      onTraffic: (pod, report) => this.#propagation.take(pod, report),
      notesOf: (hops) => this.#propagation.notes(hops),
    })
    this.gateway = {
      resolve: (wanted) => resolve(this.#planner.plan.forest, this.#planner.plan.presences, wanted),
      previews: () => this.#previews,
      onPreviews: (listener) => {
        this.#previewListeners.add(listener)
        return () => this.#previewListeners.delete(listener)
      },
      report: (label, registration) => this.#register(label, registration),
    }
    leadership.whileServing({ stop: () => this.hub.closeAll('another replica leads') })
    leadership.whileServing({
      start: () => this.#propagation.start(),
      stop: () => this.#propagation.stop(),
    })
    leadership.whileWriting({ start: () => this.#writeAll() })
    metrics.observe({
      epoch: () => this.#epoch,
      sidecars: () => this.hub.size,
      objects: () => this.#store.sizes(),
      unreachedOverrides: () => this.#propagation.unreached,
    })
  }

  /** Why there is no plan yet. Undefined once there is one. */
  notReady(): string | undefined {
    return this.#epoch === 0 ? 'the source has not listed all objects yet' : undefined
  }

  start(): void {
    this.#options.source.start((event) => this.#take(event))
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    clearTimeout(this.#expiryTimer)
    this.#propagation.stop()
    await this.#remover?.stop()
    await this.#statuses.stop()
    await this.#options.source.stop()
  }

  /** The whole plan and the epochs that the sidecars serve, for people to read. */
  dump(): unknown {
    const { tables, environments, previews } = this.#planner.plan
    const sidecars = [...tables].map(([pod, table]) => [pod, { ...this.hub.standing(pod), table }])
    return {
      epoch: this.#epoch,
      environments: Object.fromEntries(environments),
      previews: Object.fromEntries(previews),
      sidecars: Object.fromEntries(sidecars) as unknown,
    }
  }

  #take(event: SourceEvent): void {
    if (event.type === 'SYNCED') {
      this.#synced = true
      this.#schedule(0)
      return
    }
    const { object } = event
    const gone = event.type === 'DELETED'
    if (object.kind === 'Environment') {
      const id = nameId(object.metadata.namespace ?? '', object.metadata.name)
      if (gone) this.#metadata.delete(id)
      else this.#metadata.set(id, object.metadata)
    }
    if (object.kind === 'Environment' || object.kind === 'Preview') {
      this.#statuses.observe(object, gone ? undefined : object['status'])
    }
    if (object.kind === 'Pod') {
      if (gone) this.origins.remove(object)
      else this.origins.put(object)
    }
    if (gone) this.#store.remove(object)
    else this.#store.put(object)
    if (this.#synced && this.#store.changed) this.#schedule(this.#options.gatherMs)
  }

  #schedule(waitMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#flush()
    }, waitMs)
  }

  #flush(): void {
    if (this.#store.resourcesChanged) this.#expire()
    if (!this.#store.changed && this.#epoch > 0) return
    const { metrics, logger } = this.#options
    const begunMs = performance.now()
    const change = this.#planner.update(this.#store, this.#store.takeChanges())
    metrics.planSeconds.observe((performance.now() - begunMs) / 1000)
    this.#epoch++
    for (const pod of change.tables.keys()) this.#epochs.set(namespaceOf(pod), this.#epoch)
    this.hub.publish(this.#epoch, change.tables, change.known)
    if (change.previews.size > 0) this.#publishPreviews(change.previews)
    this.#writeStatuses(change)
    if (change.environments.size > 0) this.#removeExpired()
    const { environments, previews, tables } = change
    const counts = { environments: environments.size, previews: previews.size, tables: tables.size }
    logger.debug({ epoch: this.#epoch, ...counts }, 'planned')
  }

  /** Marks the environments that have expired, and sets a timer for the next one. */
  #expire(): void {
    clearTimeout(this.#expiryTimer)
    const nowMs = Date.now()
    const { expired, nextMs } = expiredAt(this.#store.environments, nowMs)
    this.#store.expire(expired)
    if (nextMs === undefined) return
    const wake = (): void => {
      this.#expire()
      this.#flush()
    }
    this.#expiryTimer = setTimeout(wake, Math.min(nextMs - nowMs, MAX_EXPIRY_WAIT_MS))
  }

  #removeExpired(): void {
    for (const id of this.#store.expired) this.#remover?.request(id)
  }

  /** The environment in its newest known state if it may be deleted now, otherwise undefined. */
  #removal(id: string): Removal | undefined {
    const { expired, heldBy } = this.#planner.plan.environments.get(id)?.expiry ?? {}
    const metadata = this.#metadata.get(id)
    if (
      !this.#options.leadership.writes ||
      expired !== true ||
      heldBy !== undefined ||
      metadata === undefined
    )
      return undefined
    const { namespace = '', name, uid, resourceVersion, deletionTimestamp } = metadata
    return deletionTimestamp === undefined ? { namespace, name, uid, resourceVersion } : undefined
  }

  #publishPreviews(changed: Iterable<string>): void {
    for (const id of changed) {
      const namespace = namespaceOf(id)
      const ids = this.#previewsIn.get(namespace) ?? new Set()
      if (this.#planner.plan.previews.has(id)) this.#previewsIn.set(namespace, ids.add(id))
      else if (ids.delete(id) && ids.size === 0) this.#previewsIn.delete(namespace)
    }
    const planned = [...this.#planner.plan.previews.values()].flatMap((it) => it.planned ?? [])
    planned.sort((one, two) => (one.label < two.label ? -1 : 1))
    if (JSON.stringify(planned) === JSON.stringify(this.#previews)) return
    this.#previews = planned
    const labels = new Set(planned.map(({ label }) => label))
    for (const label of this.#registrations.keys()) if (!labels.has(label)) this.#registrations.delete(label)
    for (const listener of this.#previewListeners) listener(planned)
  }

  #register(label: string, registration: Registration): void {
    const preview = this.#previews.find((it) => it.label === label)
    if (preview === undefined) return
    this.#registrations.set(label, registration)
    this.#writePreview(preview.id)
    this.#writeEnvironmentOf(namespaceOf(preview.id))
  }

  /** Writes and deletes what this replica has only planned so far. */
  #writeAll(): void {
    for (const id of this.#planner.plan.environments.keys()) this.#writeEnvironment(id)
    for (const id of this.#planner.plan.previews.keys()) this.#writePreview(id)
    this.#removeExpired()
  }

  #writeStatuses({ environments, previews, tables }: PlanChange): void {
    for (const id of environments) this.#writeEnvironment(id)
    const namespaces = new Set([...tables.keys(), ...previews].map(namespaceOf))
    for (const namespace of namespaces) this.#writeEnvironmentOf(namespace)
    for (const id of previews) this.#writePreview(id)
  }

  /** Updates the status after sidecars have connected, disconnected or acknowledged. */
  #writeEnvironmentOf(namespace: string): void {
    const node = this.#planner.plan.forest.byNamespace.get(namespace)
    if (node !== undefined) this.#writeEnvironment(nameId(namespace, node.name))
  }

  #writeEnvironment(id: string): void {
    const [namespace, name] = id.split('/') as [string, string]
    this.#statuses.request('Environment', namespace, name, (before) => {
      const plan = this.#options.leadership.writes ? this.#planner.plan.environments.get(id) : undefined
      const facts = () => ({
        sidecars: this.#sidecarsOf(namespace),
        previews: this.#summariesOf(namespace),
        deletes: this.#remover !== undefined,
        unreached: this.#propagation.sentences(id, plan?.key, before),
      })
      return plan && environmentStatus(plan, facts(), before, Date.now())
    })
  }

  #writePreview(id: string): void {
    const [namespace, name] = id.split('/') as [string, string]
    this.#statuses.request('Preview', namespace, name, (before) => {
      const plan = this.#options.leadership.writes ? this.#planner.plan.previews.get(id) : undefined
      return plan && previewStatus(plan, this.#registrationOf(plan), before, Date.now())
    })
  }

  #registrationOf({ planned }: PreviewPlan): Registration | undefined {
    return planned && this.#registrations.get(planned.label)
  }

  #summariesOf(namespace: string): PreviewSummary[] {
    const summaries = [...(this.#previewsIn.get(namespace) ?? [])].flatMap((id) => {
      const plan = this.#planner.plan.previews.get(id)
      const name = id.slice(namespace.length + 1)
      return plan === undefined ? [] : [previewSummary(name, plan, this.#registrationOf(plan))]
    })
    return summaries.sort((one, two) => (one.name < two.name ? -1 : 1))
  }

  #sidecarsOf(namespace: string): Sidecars {
    const pods = this.#planner.sidecarsIn(namespace)
    const standings = pods.flatMap((pod) => this.hub.standing(pod) ?? [])
    const serving = standings.filter(({ sent, served }) => served !== undefined && served === sent)
    return {
      total: pods.length,
      connected: standings.length,
      acknowledged: serving.length,
      epoch: this.#epochs.get(namespace) ?? 0,
    }
  }
}

/** Metadata with the fields that only a Kubernetes API provides. */
type Metadata = KubernetesObject['metadata'] & {
  readonly resourceVersion?: string
  readonly deletionTimestamp?: string
}

const namespaceOf = (id: string): string => id.slice(0, id.indexOf('/'))
