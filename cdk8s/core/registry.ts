import type { Environment as EnvironmentResource } from '@branchline/wire/resources/environment'
import type { Preview as PreviewResource } from '@branchline/wire/resources/preview'
import { type Problem, validateResources } from '@branchline/wire/resources/validate'
import { API_VERSION } from '@branchline/wire/names'
import type { IConstruct } from 'constructs'
import { SynthError } from './errors.ts'

/** All environments and previews of one app, which are validated together at synth. */
export interface Registry {
  readonly environments: Map<string, EnvironmentResource>
  readonly previews: PreviewResource[]
  /** Environments whose name already exists. The validation reports them. */
  readonly doubles: EnvironmentResource[]
}

const registries = new WeakMap<IConstruct, Registry>()

/** Returns the registry of a construct's app. The first call also registers its validation at synth. */
export function registryOf(construct: IConstruct): Registry {
  const { root } = construct.node
  const known = registries.get(root)
  if (known !== undefined) return known
  const registry: Registry = { environments: new Map(), previews: [], doubles: [] }
  registries.set(root, registry)
  root.node.addValidation({ validate: () => validateRegistry(registry) })
  return registry
}

/**
 * Throws a SynthError if the resources contradict each other. A base that this app does not define is assumed to be a
 * shared environment of another app or repository.
 */
function validateRegistry(registry: Registry): string[] {
  const own = [...registry.environments.values(), ...registry.doubles]
  const outside = new Set(own.flatMap(({ spec }) => spec.base ?? []))
  for (const name of registry.environments.keys()) outside.delete(name)
  const problems = validateResources([...own, ...[...outside].map(assumed)], registry.previews)
  if (problems.length > 0) throw new SynthError('BL_SYNTH_ENVIRONMENT', problems.map(sentence))
  return []
}

const sentence = ({ kind, namespace, name, message }: Problem): string =>
  `${kind} "${name}" in namespace "${namespace}": ${message}`

// It is older than all others and in no namespace of this app, so that it keeps its name and takes nothing.
const assumed = (name: string): EnvironmentResource => ({
  apiVersion: API_VERSION,
  kind: 'Environment',
  metadata: { name, namespace: `outside this app: ${name}`, creationTimestamp: '0' },
  spec: { type: 'shared', paused: false, onUnavailable: 'baseline' },
})
