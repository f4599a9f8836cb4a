import type { Environment as EnvironmentResource } from '@branchline/wire/resources/environment'
import { type Problem, validateResources } from '@branchline/wire/resources/validate'
import { API_VERSION } from '@branchline/wire/names'
import { nearest } from '@branchline/wire/near'
import { App } from 'cdk8s'
import type { IConstruct } from 'constructs'
import { SynthError } from './errors.ts'
import { previewFaults } from './preview-faults.ts'
import { aboveInApp, type Registry } from './registry.ts'

const registries = new WeakMap<IConstruct, Registry>()

/** Returns the registry of a construct's app. The first call also registers its validation at synth. */
export function registryOf(construct: IConstruct): Registry {
  const { root } = construct.node
  const known = registries.get(root)
  if (known !== undefined) return known
  const registry: Registry = {
    environments: new Map(),
    previews: [],
    doubles: [],
    renderings: new Map(),
    external: new Set(),
    overrides: [],
  }
  registries.set(root, registry)
  // Every way to synthesise an app or a chart validates first, and then renders each object once. The synthesis of an app
  // validates again for each chart, in which nothing has changed.
  const synthesis = { isRunning: false, isPrepared: false }
  root.node.addValidation({
    validate: () => {
      if (synthesis.isPrepared) return []
      prepareSynth(registry)
      synthesis.isPrepared = synthesis.isRunning
      return []
    },
  })
  followSynthesis(root, synthesis)
  return registry
}

/** Notes when the whole app is being synthesised. */
function followSynthesis(root: IConstruct, synthesis: { isRunning: boolean; isPrepared: boolean }): void {
  if (!(root instanceof App)) return
  const followed =
    <T>(run: () => T) =>
    (): T => {
      synthesis.isRunning = true
      try {
        return run()
      } finally {
        synthesis.isRunning = false
        synthesis.isPrepared = false
      }
    }
  root.synth = followed(root.synth.bind(root))
  root.synthYaml = followed(root.synthYaml.bind(root))
}

/** Throws a SynthError if the resources contradict each other. Then constructs what the overrides take from their bases. */
function prepareSynth(registry: Registry): void {
  const typos = [...registry.environments.values()].flatMap((it) => baseTypo(registry, it) ?? [])
  if (typos.length > 0) throw new SynthError('BL_SYNTH_ENVIRONMENT', typos)
  validate(registry)
  for (const rendering of registry.renderings.values()) rendering.begin()
  const depth = (name: string): number => aboveInApp(registry, name).length
  // The base of a branch may itself be a branch with overrides.
  for (const override of registry.overrides.toSorted(
    (one, two) => depth(one.environment) - depth(two.environment),
  )) {
    override.materialise()
    registry.renderings.get(override.environment)?.begin()
  }
  const faults = previewFaults(registry)
  if (faults.length > 0) throw new SynthError('BL_SYNTH_PREVIEW', faults)
}

/** A base that this app does not define is assumed to be a shared environment of another app or repository. */
function validate(registry: Registry): void {
  const own = [...registry.environments.values(), ...registry.doubles]
  const outside = new Set(own.flatMap(({ spec }) => spec.base ?? []))
  for (const name of registry.environments.keys()) outside.delete(name)
  const problems = validateResources([...own, ...[...outside].map(assumed)], registry.previews)
  if (problems.length > 0) throw new SynthError('BL_SYNTH_ENVIRONMENT', problems.map(sentence))
}

const withoutDigits = (name: string): string => name.replaceAll(/\d+/g, '#')

/** `staging-1` and `staging-2` are two names, not a typo. */
function baseTypo({ environments, external }: Registry, it: EnvironmentResource): string | undefined {
  const { base } = it.spec
  if (base === undefined || environments.has(base) || external.has(it.metadata.name)) return undefined
  const others = [...environments.keys()].filter((name) => withoutDigits(name) !== withoutDigits(base))
  const near = nearest(
    base,
    others.filter((name) => name !== it.metadata.name),
  )
  if (near === undefined) return undefined
  return (
    `Environment "${it.metadata.name}": base is ${JSON.stringify(base)}, which this app does not define: did you mean ` +
    `"${near}"? If it is an environment of another app, set above: [${JSON.stringify(base)}]`
  )
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
