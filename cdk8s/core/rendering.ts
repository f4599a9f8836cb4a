import { type ApiObject, Include } from 'cdk8s'
import type { IConstruct } from 'constructs'
import { injectSidecars, type InjectOptions } from '../inject/apply.ts'
import type { Manifest } from '../inject/manifest.ts'
import type { Finding } from '../inject/finding.ts'
import { SynthError } from './errors.ts'
import { objectFaults } from './object-faults.ts'
import { fillRestricted, type PodSecurity } from './pod-security.ts'

/** The parts of an environment that its rendering needs. They are final only at synth. */
export interface Rendered {
  readonly namespace: string
  readonly objects: () => ApiObject[]
  readonly options: () => InjectOptions
  readonly podSecurity: PodSecurity
}

/**
 * Renders the objects of one environment with their sidecars: `toJson` of each object returns the injected manifest. All
 * objects are rendered together, because a Service and its workload need each other. Each object is rendered again when
 * it is asked for a second time, so that a change between two syntheses is seen.
 */
export class Rendering {
  readonly #environment: IConstruct
  readonly #rendered: Rendered
  /** The original `toJson` of each object. */
  readonly #bare = new WeakMap<ApiObject, () => Manifest>()
  /** The manifests that were not asked for yet. */
  #injected = new Map<ApiObject, Manifest>()
  #memo = new Map<ApiObject, Manifest>()

  constructor(environment: IConstruct, rendered: Rendered) {
    this.#environment = environment
    this.#rendered = rendered
  }

  /** Begins a synthesis: forgets earlier results, and takes over the objects that are new. */
  begin(): void {
    this.#injected = new Map()
    this.#memo = new Map()
    for (const object of this.#rendered.objects()) this.#takeOver(object)
  }

  /** The objects without sidecars. */
  get objects(): ApiObject[] {
    return this.#rendered.objects()
  }

  /** Returns an object without sidecars. Renders it at most once in a synthesis. */
  bare(object: ApiObject): Manifest {
    const known = this.#memo.get(object)
    if (known !== undefined) return known
    const manifest = (this.#bare.get(object) ?? (() => object.toJson() as Manifest))()
    this.#memo.set(object, manifest)
    return manifest
  }

  /** Returns the objects that are not routed. */
  findings(): readonly Finding[] {
    this.begin()
    return this.#render().findings
  }

  #takeOver(object: ApiObject): void {
    if (this.#bare.has(object)) return
    const original = object.toJson.bind(object) as () => Manifest
    this.#bare.set(object, original)
    // A JSON patch does not work: objects of cdk8s-plus drop unknown fields that were patched.
    object.toJson = () => {
      const ready = this.#injected.get(object) ?? this.#render().manifests.get(object)
      this.#injected.delete(object)
      return ready ?? original()
    }
  }

  #render(): { manifests: Map<ApiObject, Manifest>; findings: readonly Finding[] } {
    this.#memo = new Map()
    const objects = this.#rendered.objects()
    const all = objects.map((object) => ({ object, manifest: this.bare(object) }))
    const faults = all.flatMap(({ object, manifest }) => (isIncluded(object) ? [] : objectFaults(manifest)))
    if (faults.length > 0) {
      throw new SynthError(
        'BL_SYNTH_OBJECT',
        faults.map((fault) => `Environment "${this.#environment.node.id}": ${fault}`),
      )
    }
    const { namespace, podSecurity } = this.#rendered
    // The Namespace may say that its workloads want no sidecar.
    const isOwn = ({ manifest: { kind, metadata } }: { manifest: Manifest }): boolean =>
      metadata.namespace === namespace || (kind === 'Namespace' && metadata.name === namespace)
    const own = all.filter(isOwn)
    const filled = own.map(({ manifest }) =>
      podSecurity === 'restricted' ? fillRestricted(manifest) : manifest,
    )
    const { manifests, findings } = injectSidecars(filled, {
      ...this.#rendered.options(),
      keepSidecars: true,
    })
    const injected = new Map(all.map(({ object, manifest }) => [object, manifest]))
    for (const [index, { object }] of own.entries()) injected.set(object, manifests[index] as Manifest)
    this.#injected = new Map(injected)
    return { manifests: injected, findings }
  }
}

/** Whether an object comes from YAML or Helm, where a variable without a value is valid and means an empty text. */
function isIncluded(object: ApiObject): boolean {
  for (let at: IConstruct | undefined = object; at !== undefined; at = at.node.scope) {
    if (at instanceof Include) return true
  }
  return false
}
