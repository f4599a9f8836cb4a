import { previewLabel } from '../host-label.ts'
import { nearest } from '../near.ts'
import { type Environment, environmentKey, MAX_ENVIRONMENTS_ABOVE } from './environment.ts'
import type { Preview } from './preview.ts'

/** Why a resource is not in effect: the reason of its Ready condition. */
export type Reason =
  | 'Terminating'
  | 'NamespaceTaken'
  | 'NameTaken'
  | 'KeyTaken'
  | 'BaseMissing'
  | 'BaseUnexpected'
  | 'BaseNotFound'
  | 'BaseTerminating'
  | 'BasePersonal'
  | 'BaseCycle'
  | 'TooDeep'
  | 'BaseInvalid'
  | 'EnvironmentNotFound'
  | 'EnvironmentInvalid'
  | 'HostTaken'

/** A problem of a resource in relation to all others: one sentence that names field, value and remedy. */
export interface Problem {
  readonly kind: 'Environment' | 'Preview'
  readonly namespace: string
  readonly name: string
  readonly field: string
  readonly reason: Reason
  readonly message: string
}

/**
 * Validates all environments and previews together, and returns at most one problem per resource. If two resources
 * claim the same thing, the older one keeps it (by creationTimestamp, then namespace, then name). The bases of an
 * environment without a problem have no problem either, so a plan can use exactly those environments. A resource that
 * is being deleted claims nothing, nor does one in a namespace that is being deleted (`terminating`).
 */
export function validateResources(
  environments: readonly Environment[],
  previews: readonly Preview[],
  terminating: ReadonlySet<string> = NONE,
): Problem[] {
  const problems = new Map<Environment, Problem>()
  const report = (environment: Environment, fault: Fault | undefined): void => {
    if (fault !== undefined && !problems.has(environment)) problems.set(environment, at(environment, fault))
  }
  for (const it of environments) report(it, endingFault(it, terminating))
  const ending = [...problems.keys()]
  const inOrder = oldestFirst(environments.filter((it) => !problems.has(it)))
  const inNamespace = claim(
    inOrder,
    (it) => it.metadata.namespace,
    (it, holder) => report(it, namespaceTaken(it, holder)),
  )
  const held = inOrder.filter((it) => !problems.has(it))
  const byName = claim(
    held,
    (it) => it.metadata.name,
    (it, holder) => report(it, nameTaken(it, holder)),
  )
  claim(held, environmentKey, (it, holder) => report(it, keyTaken(it, holder)))
  const endingNames = new Set(ending.map(nameOf))
  for (const it of inOrder) report(it, baseFault(it, byName, endingNames))
  // Usually there is nothing to inherit.
  if (problems.size > 0) for (const it of inOrder) report(it, inheritedFault(it, byName, problems))
  for (const it of ending) {
    if (!inNamespace.has(it.metadata.namespace)) inNamespace.set(it.metadata.namespace, it)
  }
  return [...problems.values(), ...previewProblems(previews, { inNamespace, problems, terminating })]
}

/**
 * Returns the environments above one, nearest first. Stops at a base that does not exist or that is already in the
 * chain. The chain of a valid environment is complete.
 */
export function environmentsAbove(
  environment: Environment,
  byName: ReadonlyMap<string, Environment>,
): Environment[] {
  const above: Environment[] = []
  let base = baseOf(environment, byName)
  while (base !== undefined && base !== environment && !above.includes(base)) {
    above.push(base)
    base = baseOf(base, byName)
  }
  return above
}

interface Fault {
  readonly field: string
  readonly reason: Reason
  readonly message: string
}

const at = (resource: Environment | Preview, fault: Fault): Problem => ({
  kind: resource.kind,
  namespace: resource.metadata.namespace,
  name: resource.metadata.name,
  ...fault,
})

const NONE: ReadonlySet<string> = new Set()

/** Kubernetes keeps a deleted object until its finalizers are done, and a namespace's content for half a minute. */
function endingFault(
  { kind, metadata }: Environment | Preview,
  terminating: ReadonlySet<string>,
): Fault | undefined {
  const what = `this ${kind.toLowerCase()} is being deleted`
  if (terminating.has(metadata.namespace)) {
    const message = `metadata.namespace "${metadata.namespace}" is being deleted, so ${what}: nothing is routed to it`
    return { field: 'metadata.namespace', reason: 'Terminating', message }
  }
  // An object without the field, or with null, is not being deleted.
  if ((metadata.deletionTimestamp ?? undefined) === undefined) return undefined
  const message = `metadata.deletionTimestamp is set, so ${what}: nothing is routed to it`
  return { field: 'metadata.deletionTimestamp', reason: 'Terminating', message }
}

const nameOf = (resource: Environment | Preview): string => resource.metadata.name

function baseOf(it: Environment, byName: ReadonlyMap<string, Environment>): Environment | undefined {
  return it.spec.base === undefined ? undefined : byName.get(it.spec.base)
}

/** Sorts by creationTimestamp, then namespace, then name. Computes each age once, because every change sorts them all. */
function oldestFirst<T extends Environment | Preview>(resources: readonly T[]): T[] {
  // No name contains NUL, and NUL sorts before every character of a name.
  const age = ({ metadata }: T): string =>
    `${metadata.creationTimestamp ?? '9999'}\0${metadata.namespace}\0${metadata.name}`
  return resources
    .map((resource) => ({ resource, age: age(resource) }))
    .sort((one, two) => (one.age < two.age ? -1 : one.age > two.age ? 1 : 0))
    .map(({ resource }) => resource)
}

/** Gives each thing to its first claimant. Calls `onTaken` for the later ones. */
function claim<T>(
  inOrder: readonly T[],
  thing: (claimant: T) => string,
  onTaken: (claimant: T, holder: T) => void,
): Map<string, T> {
  const holders = new Map<string, T>()
  for (const claimant of inOrder) {
    const holder = holders.get(thing(claimant))
    if (holder === undefined) holders.set(thing(claimant), claimant)
    else onTaken(claimant, holder)
  }
  return holders
}

const namespaceTaken = (it: Environment, holder: Environment): Fault => ({
  field: 'metadata.namespace',
  reason: 'NamespaceTaken',
  message:
    `metadata.namespace "${it.metadata.namespace}" already has the environment "${nameOf(holder)}": ` +
    'a namespace can have one environment, so remove this one or move it to its own namespace',
})

const nameTaken = (it: Environment, holder: Environment): Fault => ({
  field: 'metadata.name',
  reason: 'NameTaken',
  message:
    `metadata.name "${nameOf(it)}" is already taken by the environment in namespace ` +
    `"${holder.metadata.namespace}": choose another name`,
})

const keyTaken = (it: Environment, holder: Environment): Fault => ({
  field: 'spec.key',
  reason: 'KeyTaken',
  message:
    `spec.key "${environmentKey(it)}" is already taken by the environment "${nameOf(holder)}" ` +
    `in namespace "${holder.metadata.namespace}": choose another key`,
})

function baseFault(
  it: Environment,
  byName: ReadonlyMap<string, Environment>,
  ending: ReadonlySet<string>,
): Fault | undefined {
  const { type, base: baseName } = it.spec
  const fault = (reason: Reason, message: string): Fault => ({ field: 'spec.base', reason, message })
  if (type !== 'branch') {
    if (baseName === undefined) return undefined
    const remedy = 'remove spec.base, or set spec.type to branch'
    return fault('BaseUnexpected', `spec.base "${baseName}" is given, but spec.type is ${type}: ${remedy}`)
  }
  if (baseName === undefined) {
    return fault(
      'BaseMissing',
      'spec.base is missing: set it to the environment that serves the services which this branch does not run',
    )
  }
  const base = byName.get(baseName)
  if (base === undefined && ending.has(baseName)) {
    return fault('BaseTerminating', `spec.base "${baseName}" is being deleted: use another environment`)
  }
  if (base === undefined) {
    const others = [...byName.keys()].filter((name) => name !== nameOf(it))
    const near = nearest(baseName, others)
    const remedy = near === undefined ? 'create it, or correct the name' : `did you mean ${near}?`
    return fault('BaseNotFound', `spec.base "${baseName}" is not an environment: ${remedy}`)
  }
  if (base.spec.type === 'personal') {
    return fault('BasePersonal', `spec.base "${baseName}" is personal: use a shared environment or a branch`)
  }
  return chainFault(it, byName, fault)
}

function chainFault(
  it: Environment,
  byName: ReadonlyMap<string, Environment>,
  fault: (reason: Reason, message: string) => Fault,
): Fault | undefined {
  const above = environmentsAbove(it, byName)
  const names = [it, ...above].map(nameOf)
  if (baseOf(above.at(-1) ?? it, byName) === it) {
    const cycle = [...names, names[0]].join(' → ')
    return fault(
      'BaseCycle',
      `spec.base "${it.spec.base}" leads back to this environment (${cycle}): give one of them another base`,
    )
  }
  if (above.length <= MAX_ENVIRONMENTS_ABOVE) return undefined
  return fault(
    'TooDeep',
    `spec.base "${it.spec.base}" puts ${above.length} environments above this one (${names.join(' → ')}): ` +
      `at most ${MAX_ENVIRONMENTS_ABOVE} are allowed, so use a base nearer to "${names.at(-1)}"`,
  )
}

function inheritedFault(
  it: Environment,
  byName: ReadonlyMap<string, Environment>,
  problems: ReadonlyMap<Environment, Problem>,
): Fault | undefined {
  // The nearest problem that is not itself inherited: it is the cause.
  const problem = environmentsAbove(it, byName)
    .map((base) => problems.get(base))
    .find((found) => found !== undefined && found.reason !== 'BaseInvalid')
  if (problem === undefined) return undefined
  return {
    field: 'spec.base',
    reason: 'BaseInvalid',
    message: `spec.base "${it.spec.base}" depends on "${problem.name}", which has a problem: ${problem.message}`,
  }
}

interface Homes {
  readonly inNamespace: ReadonlyMap<string, Environment>
  readonly problems: ReadonlyMap<Environment, Problem>
  readonly terminating: ReadonlySet<string>
}

function previewProblems(
  previews: readonly Preview[],
  { inNamespace, problems, terminating }: Homes,
): Problem[] {
  const found: Problem[] = []
  const hosted: { preview: Preview; host: string }[] = []
  for (const preview of oldestFirst(previews)) {
    const environment = inNamespace.get(preview.metadata.namespace)
    const fault =
      endingFault(preview, terminating) ??
      homeFault(preview, environment, environment && problems.get(environment))
    if (fault !== undefined) found.push(at(preview, fault))
    else if (environment !== undefined) {
      hosted.push({ preview, host: previewLabel(nameOf(preview), nameOf(environment)) })
    }
  }
  claim(
    hosted,
    ({ host }) => host,
    (it, holder) => found.push(at(it.preview, hostTaken(it.host, holder.preview))),
  )
  return found
}

function homeFault(preview: Preview, environment?: Environment, problem?: Problem): Fault | undefined {
  const { namespace } = preview.metadata
  if (environment === undefined) {
    return {
      field: 'metadata.namespace',
      reason: 'EnvironmentNotFound',
      message: `metadata.namespace "${namespace}" has no environment: move the preview to the namespace of an environment`,
    }
  }
  if (problem === undefined) return undefined
  return {
    field: 'metadata.namespace',
    reason: 'EnvironmentInvalid',
    message: `metadata.namespace "${namespace}" has an environment with a problem: ${problem.message}`,
  }
}

const hostTaken = (host: string, holder: Preview): Fault => ({
  field: 'metadata.name',
  reason: 'HostTaken',
  message:
    `metadata.name results in the host "${host}", which the preview "${nameOf(holder)}" in namespace ` +
    `"${holder.metadata.namespace}" already has: choose another name`,
})
