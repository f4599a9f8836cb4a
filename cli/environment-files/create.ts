import { hasSidecar, injectSidecars, type InjectOptions, type Manifest } from '@branchline/cdk8s/inject'
import { portList, serviceSpecOf } from '@branchline/cdk8s/inject/manifest'
import { type ContainerChanges, planOverride } from '@branchline/cdk8s/override'
import { API_VERSION, LABELS } from '@branchline/wire/names'
import { environmentName } from '@branchline/wire/environment-name'
import { nearest } from '@branchline/wire/near'
import type { Environment } from '@branchline/wire/resources/environment'
import { type FieldProblem, parseEnvironment, parsePreview } from '@branchline/wire/resources/parse'
import { environmentsAbove, validateResources } from '@branchline/wire/resources/validate'
import type { OverrideArgument, PreviewArgument } from './arguments.ts'

/** The environment to create. */
export interface CreateRequest {
  readonly name: string
  readonly base: string
  readonly overrides: readonly OverrideArgument[]
  readonly previews: readonly PreviewArgument[]
  readonly ttl?: string
  /** Adds sidecars. Default: if the workloads of the base have them. */
  readonly inject?: boolean
  /** Replaces an environment of the same name. */
  readonly force?: boolean
}

/** The objects of a new environment, or its faults. */
export interface CreatedEnvironment {
  readonly manifests: readonly Manifest[]
  /** Facts that the user should know, each as a sentence. */
  readonly notes: readonly string[]
  readonly faults: readonly string[]
  /** Whether the workloads have sidecars. */
  readonly isInjected: boolean
  /** The namespaces above, nearest first. */
  readonly namespaces: readonly string[]
}

const refused = (faults: readonly string[]): CreatedEnvironment => ({
  manifests: [],
  notes: [],
  faults,
  isInjected: false,
  namespaces: [],
})

/** The environments among the manifests, with the new one. */
interface Family {
  readonly environment: Environment
  readonly above: readonly Environment[]
  /** The namespaces above, nearest first. */
  readonly namespaces: readonly string[]
}

const POD_SECURITY = 'pod-security.kubernetes.io/'

/**
 * Plans a branch environment from the manifests of its base: the Namespace, the Environment, the copies of the workloads
 * that it changes, and its Previews. Pure.
 */
export function createEnvironment(request: CreateRequest, source: readonly Manifest[]): CreatedEnvironment {
  const family = familyOf(request, source)
  if (!('environment' in family)) return refused(family.faults)
  const { name } = request
  const copies = new Map<string, Manifest>()
  const notes = new Set<string>()
  const faults: string[] = []
  const bases: Manifest[] = []
  for (const [workload, changes] of changesOf(request.overrides)) {
    const plan = planOverride(source, {
      name: workload,
      namespace: name,
      namespaces: family.namespaces,
      changes,
    })
    faults.push(...plan.faults.map((fault) => `--override ${workload}: ${fault}`))
    for (const note of plan.notes) notes.add(note)
    for (const copy of plan.manifests) copies.set(`${copy.kind}/${copy.metadata.name}`, copy)
    if (plan.base === undefined) continue
    if (bases.includes(plan.base)) {
      faults.push(`--override ${workload}: another --override names the same workload: use one name for both`)
    }
    bases.push(plan.base)
  }
  const previews = previewsOf(request, family, [...copies.values(), ...source])
  faults.push(...previews.faults)
  if (faults.length > 0) return refused(faults)
  const isInjected = request.inject ?? bases.some(hasSidecar)
  const namespaces = family.above.length > 0 ? family.namespaces : namespacesOf(bases, request)
  const workloads = isInjected
    ? injected([...copies.values()], { environment: name, above: namespaces }, notes)
    : [...copies.values()]
  for (const secret of workloads.filter(({ kind }) => kind === 'Secret')) {
    notes.add(
      `the Secret "${secret.metadata.name}" is copied with its values, because the manifests of the base have them`,
    )
  }
  return {
    manifests: [namespaceOf(name, family, source), resourceOf(request), ...workloads, ...previews.manifests],
    notes: [...notes],
    faults: [],
    isInjected,
    namespaces,
  }
}

/** Without the Environment of the base, its namespace is that of its workloads, or has its name. */
function namespacesOf(bases: readonly Manifest[], { base }: CreateRequest): string[] {
  const named = new Set(bases.flatMap(({ metadata }) => metadata.namespace ?? []))
  return named.size === 0 ? [base] : [...named]
}

/** The changes of a workload, and of its containers by name. */
type Changes = ContainerChanges & { readonly containers: Readonly<Record<string, ContainerChanges>> }

/** All changes of each workload, in the order of their first mention. */
export function changesOf(overrides: readonly OverrideArgument[]): (readonly [string, Changes])[] {
  const byWorkload = Map.groupBy(overrides, ({ workload }) => workload)
  return [...byWorkload].map(([workload, own]) => {
    const containers: Record<string, ContainerChanges> = {}
    let main: ContainerChanges = {}
    for (const { container, image } of own) {
      if (container === undefined) main = { image }
      else containers[container] = { image }
    }
    return [workload, { ...main, containers }] as const
  })
}

function familyOf(request: CreateRequest, source: readonly Manifest[]): Family | { faults: string[] } {
  const { name, base } = request
  const { value: environment, problems } = parseEnvironment(resourceOf(request))
  if (environment === undefined) {
    // The namespace has the same name, and the same fault.
    const own = problems.filter(({ field }) => field !== 'metadata.namespace')
    return { faults: own.map((problem) => asOption(problem, request)) }
  }
  const known = source
    .filter(({ kind }) => kind === 'Environment')
    .flatMap((manifest) => parseEnvironment(manifest).value ?? [])
  const others = known.filter(({ metadata }) => metadata.name !== name)
  if (others.length < known.length && request.force !== true) {
    return {
      faults: [`the environment "${name}" already exists: choose another name, or use --force to replace it`],
    }
  }
  if (others.length === 0) return { environment, above: [], namespaces: [base] }
  const byName = new Map(others.map((it) => [it.metadata.name, it]))
  if (!byName.has(base)) {
    const names = [...byName.keys()]
    const near = nearest(base, names)
    const remedy = near === undefined ? `use one of ${names.join(', ')}` : `did you mean ${near}?`
    return { faults: [`--base ${base}: the manifests have no environment of this name: ${remedy}`] }
  }
  const faults = validateResources([...others, environment], [])
    .filter((it) => it.name === name)
    .map(({ message }) => message)
  if (faults.length > 0) return { faults }
  const above = environmentsAbove(environment, byName)
  return { environment, above, namespaces: above.map(({ metadata }) => metadata.namespace) }
}

function asOption({ field, message }: FieldProblem, { name, base, ttl }: CreateRequest): string {
  const options: Record<string, string> = {
    'metadata.name': `the name ${name} (${environmentName(name)} would be valid)`,
    'spec.base': `--base ${base}`,
    'spec.ttl': `--ttl ${ttl}`,
  }
  return `${options[field] ?? field}: ${message}`
}

const resourceOf = ({ name, base, ttl }: CreateRequest): Manifest => ({
  apiVersion: API_VERSION,
  kind: 'Environment',
  metadata: { name, namespace: name },
  spec: { type: 'branch', base, ...(ttl !== undefined && { ttl }) },
})

/** The Namespace, with the Pod Security Standard of the base's, so that its pods are also valid here. */
function namespaceOf(name: string, { namespaces }: Family, source: readonly Manifest[]): Manifest {
  const [nearestAbove] = namespaces
  const base = source.find(({ kind, metadata }) => kind === 'Namespace' && metadata.name === nearestAbove)
  const security = Object.entries(base?.metadata.labels ?? {}).filter(([label]) =>
    label.startsWith(POD_SECURITY),
  )
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { ...Object.fromEntries(security), [LABELS.environment]: name } },
  }
}

function injected(copies: readonly Manifest[], options: InjectOptions, notes: Set<string>): Manifest[] {
  const { manifests, findings } = injectSidecars(copies, options)
  for (const { message } of findings) notes.add(message)
  return manifests
}

function previewsOf(
  { name, previews }: CreateRequest,
  { namespaces }: Family,
  manifests: readonly Manifest[],
): { manifests: Manifest[]; faults: string[] } {
  const made: Manifest[] = []
  const faults: string[] = []
  for (const preview of previews) {
    const port = portOf(preview, [name, ...namespaces], manifests)
    if (typeof port === 'object') {
      faults.push(`--preview ${preview.service}: ${port.fault}`)
      continue
    }
    const manifest = {
      apiVersion: API_VERSION,
      kind: 'Preview',
      metadata: { name: preview.service, namespace: name },
      spec: { service: preview.service, port },
    }
    const { problems = [] } = parsePreview(manifest)
    faults.push(...problems.map(({ message }) => `--preview ${preview.service}: ${message}`))
    made.push(manifest)
  }
  return { manifests: made, faults }
}

/** The port of a preview: the given one if the Service has it, or the only one, or the one named http. */
function portOf(
  { service, port }: PreviewArgument,
  namespaces: readonly string[],
  manifests: readonly Manifest[],
): number | string | { fault: string } {
  const services = manifests.filter(
    (it) => serviceSpecOf(it) !== undefined && isReached(it.metadata.namespace, namespaces),
  )
  const found = services.find(({ metadata }) => metadata.name === service)
  if (found === undefined) {
    const names = [...new Set(services.flatMap(({ metadata }) => metadata.name ?? []))]
    const near = nearest(service, names)
    if (near !== undefined) return { fault: `the base has no Service of this name: did you mean ${near}?` }
    if (port !== undefined) return port
    return { fault: `the base has no Service of this name, so add its port, such as ${service}:8080` }
  }
  const ports = serviceSpecOf(found)?.ports ?? []
  const shown = portList(ports)
  if (port !== undefined) {
    if (ports.some((it) => it.port === port || it.name === port)) return port
    return { fault: `the Service has no port ${port}, but ${shown || 'none at all'}` }
  }
  const chosen = ports.length === 1 ? ports[0] : ports.find((it) => it.name === 'http')
  return (
    chosen?.port ?? {
      fault: `the Service has several ports (${shown}): add one, such as ${service}:${ports[0]?.port}`,
    }
  )
}

/** Manifests without a namespace are those of the base. */
const isReached = (namespace: string | undefined, namespaces: readonly string[]): boolean =>
  namespace === undefined || namespaces.includes(namespace)
