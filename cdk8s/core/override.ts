import { ApiObject } from 'cdk8s'
import { Construct, type IConstruct } from 'constructs'
import type { Manifest } from '../inject/manifest.ts'
import type { OverrideChanges } from '../override/changes.ts'
import { type OverridePlan, planOverride } from '../override/plan.ts'
import { Environment } from './environment.ts'
import { SynthError } from './errors.ts'
import { aboveInApp, type Registry } from './registry.ts'
import { registryOf } from './synth.ts'
import { targetOf } from './target.ts'

export interface OverrideProps extends OverrideChanges {
  /**
   * The manifests of the base, if this app does not define it. `manifestsFrom` of `@branchline/cdk8s/files` reads them
   * from a folder. Default: the objects of the environments above that this app defines.
   */
  readonly from?: readonly Manifest[]
}

const WORKLOADS = [
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'Pod',
  'Rollout',
  'ReplicationController',
] as const
/** The kinds that an override copies, or reads to decide what to copy. */
const KINDS = new Set<string>([
  ...WORKLOADS,
  'Service',
  'ConfigMap',
  'Secret',
  'ExternalSecret',
  'ServiceAccount',
  'PersistentVolumeClaim',
])

const isWorkload = ({ kind }: ApiObject): boolean => (WORKLOADS as readonly string[]).includes(kind)

/**
 * A workload of the base, changed for a branch. It is copied from the nearest environment above that has it, together
 * with its Services, and the ConfigMaps, Secrets, ServiceAccount and claims that its pods name. An object of the same
 * kind and name that the branch defines itself takes precedence over the copy. Throws a SynthError for invalid input, and
 * at synth if the base has no such workload.
 */
export class Override extends Construct {
  readonly #environment: Environment
  readonly #registry: Registry
  readonly #props: OverrideProps
  readonly #name: string
  readonly #kind: string | undefined

  /** @param workload The name of a workload or of its Service, or the construct in the base: a Workload, or an object of cdk8s-plus. */
  constructor(scope: Construct, workload: string | IConstruct, props: OverrideProps = {}) {
    const { name, kind } = wantedOf(workload)
    super(scope, `override-${name}`)
    const environment = Environment.around(this)
    const { type } = environment?.resource.spec ?? {}
    if (environment === undefined || type !== 'branch') {
      const where = environment === undefined ? 'not in an environment' : `in an environment of type ${type}`
      throw new SynthError('BL_SYNTH_OVERRIDE', [
        `Override "${name}" is ${where}: construct it in an Environment of type branch`,
      ])
    }
    this.#environment = environment
    this.#registry = registryOf(this)
    this.#props = props
    this.#name = name
    this.#kind = kind
    this.#registry.overrides.push({
      environment: environment.node.id,
      materialise: () => this.#materialise(),
    })
  }

  /** What the pods need and the base's manifests do not contain, each as a sentence. Final only at synth. */
  get notes(): readonly string[] {
    return this.#plan().notes
  }

  #plan(): OverridePlan {
    const { from, ...changes } = this.#props
    return planOverride(from ?? this.#manifestsAbove(), {
      name: this.#name,
      ...(this.#kind !== undefined && { kind: this.#kind }),
      namespace: this.#environment.resource.metadata.namespace,
      namespaces: this.#environment.namespacesAbove(),
      changes,
    })
  }

  #manifestsAbove(): Manifest[] {
    const above = aboveInApp(this.#registry, this.#environment.node.id).flatMap(({ metadata }) => {
      const rendering = this.#registry.renderings.get(metadata.name)
      const objects = rendering?.objects.filter(({ kind }) => KINDS.has(kind)) ?? []
      return objects.map((object) => ({ object, render: () => rendering?.bare(object) }))
    })
    // Rendering the other workloads of a large base would take most of the time of a synth.
    const isNamed = above.some(({ object }) => isWorkload(object) && object.name === this.#name)
    const needed = above.filter(({ object }) => !isNamed || !isWorkload(object) || object.name === this.#name)
    return needed.flatMap(({ render }) => render() ?? [])
  }

  /** Constructs the objects. Replaces those of an earlier synthesis, because the base may have changed. */
  #materialise(): void {
    for (const child of this.node.children) this.node.tryRemoveChild(child.node.id)
    const { manifests, faults } = this.#plan()
    const others = new Map(
      this.#environment.node
        .findAll()
        .filter((it): it is ApiObject => ApiObject.isApiObject(it))
        .map((object) => [`${object.kind}/${object.name}`, object]),
    )
    const own = others.get(`${manifests[0]?.kind}/${manifests[0]?.metadata.name}`)
    const twice =
      own === undefined ? [] : [`${own.kind} "${own.name}" is already in the branch: remove one of them`]
    const all = [...faults, ...twice].map(
      (fault) => `Override "${this.#name}" of "${this.#environment.node.id}": ${fault}`,
    )
    if (all.length > 0) throw new SynthError('BL_SYNTH_OVERRIDE', all)
    for (const manifest of manifests) {
      const id = `${manifest.kind}-${manifest.metadata.name}`
      if (!others.has(`${manifest.kind}/${manifest.metadata.name}`)) new ApiObject(this, id, manifest)
    }
  }
}

function wantedOf(workload: string | IConstruct): { name: string; kind?: string } {
  if (typeof workload === 'string') return { name: workload }
  const target = targetOf(workload, [...WORKLOADS, 'Service'])
  if (target === undefined) {
    throw new SynthError('BL_SYNTH_OVERRIDE', [
      `Override of "${workload.node.path}": it has no workload and no Service; pass a Deployment, or name one`,
    ])
  }
  return target.kind === 'Service' ? { name: target.name } : { name: target.name, kind: target.kind }
}
