import { isDeepStrictEqual } from 'node:util'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { API_VERSION } from '@branchline/wire/names'
import type { TroubleOptions } from '@branchline/wire/pod-trouble'
import type { Environment } from '@branchline/wire/resources/environment'
import { type Parsed, parseEnvironment, parsePreview } from '@branchline/wire/resources/parse'
import type { Preview } from '@branchline/wire/resources/preview'
import { heldBy } from '../expiry/expiry.ts'
import { parseService, parseSlice, type ServiceFacts, type SliceFacts } from './objects.ts'
import { isTerminating } from './namespace.ts'
import { parsePod, type PodFacts } from './pod.ts'
import { Troubles } from './troubles.ts'
import { type Changes, nameId, noChanges, type Snapshot, type Unreadable } from './snapshot.ts'

/** Reports an object of another kind that could not be parsed, and why. */
export type Complaint = (object: KubernetesObject, reason: string) => void

/**
 * The relevant fields of all objects, kept up to date by a source's events. An invalid object affects no other: an
 * Environment or Preview becomes {@link Unreadable}, and any other is reported to `complain` and ignored.
 */
export class Store implements Snapshot {
  readonly environments = new Map<string, Environment>()
  readonly previews = new Map<string, Preview>()
  readonly unreadable = new Map<string, Unreadable>()
  readonly services = new Map<string, ServiceFacts>()
  readonly slices = new Map<string, Map<string, SliceFacts>>()
  readonly pods = new Map<string, PodFacts>()
  readonly terminating = new Set<string>()
  expired: ReadonlySet<string> = new Set()
  readonly #complain: Complaint
  /** By slice: the Service to which it belonged last. Needed when it is deleted or moves to another Service. */
  readonly #serviceOfSlice = new Map<string, string>()
  /** Terminating namespaces that are gone, while events of their objects are still to arrive. */
  readonly #gone = new Set<string>()
  readonly #troubles: Troubles
  #changes = noChanges()

  /** By default, troubles quote nothing. */
  constructor(complain: Complaint, options: TroubleOptions = { messages: false }) {
    this.#complain = complain
    this.#troubles = new Troubles(options)
  }

  troubleOf(id: string): string | undefined {
    return this.#troubles.of(id)
  }

  /** Returns what changed since the last call. */
  takeChanges(): Changes {
    const changes = this.#changes
    this.#changes = noChanges()
    return changes
  }

  /** The number of objects of each kind. */
  sizes(): Record<string, number> {
    return {
      Environment: this.environments.size,
      Preview: this.previews.size,
      Unreadable: this.unreadable.size,
      Service: this.services.size,
      EndpointSlice: this.#serviceOfSlice.size,
      Pod: this.pods.size,
    }
  }

  /** Stores an object that was added or changed. */
  put(object: KubernetesObject): void {
    this.#apply(object, object)
  }

  /** Forgets an object. */
  remove(object: KubernetesObject): void {
    this.#apply(object, undefined)
  }

  /** Sets which environments have expired. */
  expire(ids: ReadonlySet<string>): void {
    if (ids.size === this.expired.size && [...ids].every((id) => this.expired.has(id))) return
    this.expired = ids
    this.#changes.resources = true
  }

  /** Whether anything has changed since {@link takeChanges}. */
  get changed(): boolean {
    const { resources, services, pods } = this.#changes
    return resources || services.size > 0 || pods.size > 0
  }

  /** Whether environments or previews have changed since then. */
  get resourcesChanged(): boolean {
    return this.#changes.resources
  }

  #apply(object: KubernetesObject, now: KubernetesObject | undefined): void {
    const id = nameId(object.metadata.namespace ?? '', object.metadata.name)
    switch (object.kind) {
      case 'Namespace':
        this.#namespace(object.metadata.name, now)
        break
      case 'Environment':
      case 'Preview':
        if (object.apiVersion === API_VERSION) this.#resource(object.kind, object, now, id)
        break
      case 'Service': {
        const facts = this.#read(now, parseService)
        if (replace(this.services, id, facts)) this.#changes.services.add(id)
        if (this.#troubles.setService(id, facts && now)) this.#changes.services.add(id)
        break
      }
      case 'EndpointSlice':
        this.#slice(id, object, this.#read(now, parseSlice))
        break
      case 'Pod':
        if (replace(this.pods, id, this.#read(now, parsePod))) this.#changes.pods.add(id)
        for (const service of this.#troubles.setPod(id, now)) this.#changes.services.add(service)
        break
      default:
    }
  }

  #read<T>(
    object: KubernetesObject | undefined,
    parse: (object: KubernetesObject) => T | undefined,
  ): T | undefined {
    if (object === undefined) return undefined
    try {
      return parse(object)
    } catch (error) {
      this.#complain(object, (error as Error).message)
      return undefined
    }
  }

  #resource(
    kind: Unreadable['kind'],
    object: KubernetesObject,
    now: KubernetesObject | undefined,
    id: string,
  ): void {
    const { namespace = '', name, generation } = object.metadata
    const parsed = now && parseResource(kind, { ...now, status: undefined })
    const message = parsed?.problems?.map((problem) => problem.message).join('; ')
    const fault = message === undefined ? undefined : { kind, namespace, name, generation, message }
    const map: Map<string, Environment | Preview> = kind === 'Environment' ? this.environments : this.previews
    const before = map.get(id)
    if (replace(this.unreadable, `${kind}/${id}`, fault)) this.#changes.resources = true
    // An equal resource stays the same object, so that the planner can compare by identity.
    if (isDeepStrictEqual(essence(before), essence(parsed?.value))) return
    if (parsed?.value === undefined) map.delete(id)
    else map.set(id, parsed.value)
    this.#changes.resources = true
    if (this.#gone.has(namespace) && !this.#has(namespace)) this.#namespace(namespace, undefined)
  }

  #namespace(name: string, now: KubernetesObject | undefined): void {
    // Events of different kinds arrive separately. A namespace is gone only once its objects are gone as well.
    if (now === undefined && this.terminating.has(name) && this.#has(name)) {
      this.#gone.add(name)
      return
    }
    this.#gone.delete(name)
    const ends = now !== undefined && isTerminating(now)
    if (ends === this.terminating.has(name)) return
    if (ends) this.terminating.add(name)
    else this.terminating.delete(name)
    this.#changes.resources = true
  }

  #has(namespace: string): boolean {
    for (const map of [this.environments, this.previews]) {
      for (const { metadata } of map.values()) if (metadata.namespace === namespace) return true
    }
    return false
  }

  #slice(id: string, { metadata }: KubernetesObject, facts: SliceFacts | undefined): void {
    const before = this.#serviceOfSlice.get(id)
    const after = facts && nameId(metadata.namespace ?? '', facts.service)
    if (before !== undefined && before !== after) {
      const slices = this.slices.get(before)
      slices?.delete(metadata.name)
      if (slices?.size === 0) this.slices.delete(before)
      this.#serviceOfSlice.delete(id)
      this.#changes.services.add(before)
    }
    if (after === undefined) return
    let slices = this.slices.get(after)
    if (slices === undefined) this.slices.set(after, (slices = new Map<string, SliceFacts>()))
    this.#serviceOfSlice.set(id, after)
    if (replace(slices, metadata.name, facts)) this.#changes.services.add(after)
  }
}

// Ignore the status. We write it, and a fault in it must not cost an environment its routes.
const parseResource = (kind: Unreadable['kind'], object: unknown): Parsed<Environment | Preview> =>
  kind === 'Environment' ? parseEnvironment(object) : parsePreview(object)

/** Sets or deletes an entry. Returns whether that changed anything. */
function replace<T>(map: Map<string, T>, id: string, value: T | undefined): boolean {
  const before = map.get(id)
  if (isDeepStrictEqual(before, value)) return false
  if (value === undefined) map.delete(id)
  else map.set(id, value)
  return true
}

function essence(resource: Environment | Preview | undefined): unknown {
  if (resource === undefined) return undefined
  const { name, namespace, generation, creationTimestamp, deletionTimestamp, uid } = resource.metadata
  const held = heldBy(resource.metadata)
  const ending = (deletionTimestamp ?? undefined) !== undefined
  return { name, namespace, generation, creationTimestamp, ending, uid, held, spec: resource.spec }
}
