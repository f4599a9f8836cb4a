import { API_VERSION, LABELS } from '@branchline/wire/names'
import type {
  Environment as EnvironmentResource,
  EnvironmentType,
} from '@branchline/wire/resources/environment'
import { parseEnvironment } from '@branchline/wire/resources/parse'
import type { OnUnavailable } from '@branchline/wire/routes/messages'
import { ApiObject, Chart, JsonPatch, Names } from 'cdk8s'
import type { Construct, IConstruct } from 'constructs'
import { SynthError } from './errors.ts'
import type { InjectOptions } from '../inject/apply.ts'
import type { Finding } from '../inject/finding.ts'
import { sidecarFaults, type SidecarOptions } from '../inject/sidecar.ts'
import { podSecurityLabels, type PodSecurity } from './pod-security.ts'
import { registryOf } from './synth.ts'
import { Rendering } from './rendering.ts'

/** Properties of every environment. */
interface CommonEnvironmentProps {
  /** The routing key. Default: the name. */
  readonly key?: string
  /** Time from creation until the environment expires, such as `72h`. Default: it never expires. */
  readonly ttl?: string
  /** Skips the overrides. Default: false. */
  readonly paused?: boolean
  /** What happens to requests whose override cannot be reached. Default: `baseline`. */
  readonly onUnavailable?: OnUnavailable
  /** Default: the name. */
  readonly namespace?: string
  /**
   * The Pod Security Standard that the namespace enforces. With `restricted`, fields that it requires and that pods leave
   * open are filled in. Default: that of the base if this app defines it, otherwise `restricted`.
   */
  readonly podSecurity?: PodSecurity
  /** More labels of the namespace. Default: none. */
  readonly labels?: Readonly<Record<string, string>>
  /** Options of the sidecars in this environment. Default: those of this release. */
  readonly sidecar?: SidecarOptions
}

/** An environment that runs every service. */
interface RootEnvironmentProps extends CommonEnvironmentProps {
  readonly type: Exclude<EnvironmentType, 'branch'>
  /** Only a branch has a base. */
  readonly base?: undefined
  readonly above?: undefined
}

/** An environment that runs the services that it changes. Its base serves the others. */
interface BranchEnvironmentProps extends CommonEnvironmentProps {
  readonly type: 'branch'
  /**
   * The environment that serves the services which this branch does not run: an Environment or its name. A name that
   * this app does not define is assumed to be a shared environment in the namespace of that name. If it is a branch, set
   * {@link BranchEnvironmentProps.above} too.
   */
  readonly base: Environment | string
  /**
   * The namespaces of the environments above, nearest first, including the base's. Short names are searched there.
   * Default: the namespaces of the bases that this app defines, and the base's name if it does not define the base.
   */
  readonly above?: readonly string[]
}

export type EnvironmentProps = RootEnvironmentProps | BranchEnvironmentProps

const environments = new WeakMap<IConstruct, Environment>()

/**
 * An environment: a chart (one file) with its Namespace and its Environment resource. Constructs inside it are in its
 * namespace. Throws a SynthError for invalid input. Faults that involve several environments, such as a cycle or a
 * key that is used twice, are thrown at synth.
 */
export class Environment extends Chart {
  /** The resource as a manager reads it. */
  readonly resource: EnvironmentResource
  readonly sidecar: SidecarOptions
  /** The Pod Security Standard that the namespace enforces. */
  readonly podSecurity: PodSecurity
  readonly #above: readonly string[] | undefined
  readonly #rendering: Rendering

  constructor(scope: Construct, id: string, props: EnvironmentProps) {
    const namespace = props.namespace ?? id
    super(scope, id, { namespace, disableResourceNameHashes: true })
    this.resource = resourceOf(id, namespace, props)
    this.sidecar = props.sidecar ?? {}
    this.#above = props.above
    this.podSecurity =
      props.podSecurity ?? (typeof props.base === 'object' ? props.base.podSecurity : 'restricted')
    this.#rendering = new Rendering(this, {
      namespace,
      objects: () => this.#objects(),
      options: () => this.injectOptions(),
      podSecurity: this.podSecurity,
    })
    const registry = registryOf(this)
    registry.renderings.set(id, this.#rendering)
    if (this.#above !== undefined) registry.external.add(id)
    if (registry.environments.has(id)) registry.doubles.push(this.resource)
    else registry.environments.set(id, this.resource)
    environments.set(this, this)
    this.#renderNamespace(namespace, props)
    const { apiVersion, kind, metadata, spec } = manifestOf(id, namespace, props)
    new ApiObject(this, 'environment', { apiVersion, kind, metadata, spec })
  }

  /** Returns the environment that contains a construct, or undefined. */
  static around(construct: IConstruct): Environment | undefined {
    for (let at: IConstruct | undefined = construct; at !== undefined; at = at.node.scope) {
      const found = environments.get(at)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Names an object after its path in the environment, so that the same service has the same name in every environment. */
  override generateObjectName(apiObject: ApiObject): string {
    const path = apiObject.node.path.slice(this.node.path.length + 1)
    // The function reads only the path of a construct, and only if there is no hash.
    return Names.toDnsLabel({ node: { path } } as Construct, {
      includeHash: false,
      // The pods of a CronJob have 11 more characters.
      ...(apiObject.kind === 'CronJob' && { maxLen: 52 }),
    })
  }

  /** The namespaces of the environments above, nearest first. Final only after the whole app is constructed. */
  namespacesAbove(): string[] {
    if (this.#above !== undefined) return [...this.#above]
    const { environments } = registryOf(this)
    const above: string[] = []
    let name = this.resource.spec.base
    while (name !== undefined) {
      const base = environments.get(name)
      const namespace: string = base?.metadata.namespace ?? name
      // The validation of the app reports the cycle.
      if (above.includes(namespace)) break
      above.push(namespace)
      name = base?.spec.base
    }
    return above
  }

  /**
   * Returns the objects that requests reach without a sidecar, and the reasons. At synth, all objects in the environment
   * get their sidecar without a call: Workloads, Overrides, and objects of cdk8s-plus, Helm and plain YAML.
   */
  injectSidecars(): readonly Finding[] {
    return this.#rendering.findings()
  }

  /** The options with which workloads in this environment are injected. */
  injectOptions(): InjectOptions {
    return { environment: this.node.id, above: this.namespacesAbove(), sidecar: this.sidecar }
  }

  /** The objects whose nearest environment is this one, also those in charts inside it. */
  #objects(): ApiObject[] {
    return this.node
      .findAll()
      .filter((it): it is ApiObject => ApiObject.isApiObject(it) && Environment.around(it) === this)
  }

  #renderNamespace(namespace: string, props: EnvironmentProps): void {
    const labels = {
      'app.kubernetes.io/managed-by': 'cdk8s',
      ...podSecurityLabels(this.podSecurity),
      ...props.labels,
      [LABELS.environment]: this.node.id,
    }
    const object = new ApiObject(this, 'namespace', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels },
    })
    // The chart sets its namespace on every object, but a Namespace has none.
    object.addJsonPatch(JsonPatch.remove('/metadata/namespace'))
  }
}

function manifestOf(name: string, namespace: string, props: EnvironmentProps) {
  const { type, base, key, ttl, paused, onUnavailable } = props
  const said = { type, base: typeof base === 'object' ? base.node.id : base, key, ttl, paused, onUnavailable }
  const spec = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))
  return { apiVersion: API_VERSION, kind: 'Environment', metadata: { name, namespace }, spec }
}

function resourceOf(name: string, namespace: string, props: EnvironmentProps): EnvironmentResource {
  const { value, problems } = parseEnvironment(manifestOf(name, namespace, props))
  const faults = [
    ...(problems ?? []).map(({ message }) => message),
    ...sidecarFaults(props.sidecar ?? {}),
  ].map((message) => `Environment "${name}": ${message}`)
  if (value !== undefined && faults.length === 0) return value
  throw new SynthError('BL_SYNTH_ENVIRONMENT', faults)
}
