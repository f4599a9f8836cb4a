import { isDeepStrictEqual } from 'node:util'
import type { Environment } from '@branchline/wire/resources/environment'
import { parseEnvironment } from '@branchline/wire/resources/parse'
import { environmentsAbove } from '@branchline/wire/resources/validate'
import { injectSidecars, type InjectOptions } from './apply.ts'
import { type Finding, findingAt } from './finding.ts'
import { type Manifest, podTemplateOf, serviceSpecOf } from './manifest.ts'

const DEFAULT_NAMESPACE = 'default'

/** Options that are the same for every environment. */
export type InjectEnvironmentsOptions = Omit<InjectOptions, 'environment' | 'above'>

/**
 * Adds sidecars to the workloads in the namespaces of the Environments among the manifests. An invalid Environment gets
 * none, and its validation reports why. Existing sidecars are updated, and keep what their users changed, unless
 * `keepSidecars` is false. An object that needs no change is returned itself. Keeps the order.
 */
export function injectEnvironments(
  manifests: readonly Manifest[],
  options: InjectEnvironmentsOptions = {},
): { manifests: Manifest[]; findings: Finding[] } {
  const found = manifests
    .filter(({ kind }) => kind === 'Environment')
    .flatMap((manifest) => {
      const { value } = parseEnvironment(manifest)
      return value === undefined ? [] : [{ manifest, environment: value }]
    })
  const byName = new Map(found.map(({ environment }) => [environment.metadata.name, environment]))
  const result = new Map<Manifest, Manifest>()
  const findings: Finding[] = []
  for (const { manifest, environment } of found) {
    const own = manifests.filter((it) => isIn(it, environment))
    findings.push(...nothingInNamespace(manifest, environment, own, manifests))
    const injected = injectSidecars(own, {
      keepSidecars: true,
      ...options,
      environment: environment.metadata.name,
      above: environmentsAbove(environment, byName).map(({ metadata }) => metadata.namespace),
    })
    for (const [index, before] of own.entries()) {
      const after = injected.manifests[index] as Manifest
      result.set(before, isDeepStrictEqual(before, after) ? before : after)
    }
    findings.push(...injected.findings)
  }
  return { manifests: manifests.map((manifest) => result.get(manifest) ?? manifest), findings }
}

/**
 * Whether an object belongs to an environment: everything in its namespace, and the Namespace itself. An object that
 * names no namespace is in the default one, as for `kubectl apply` and `branchline up`.
 */
const isIn = ({ kind, metadata }: Manifest, environment: Environment): boolean =>
  (metadata.namespace ?? DEFAULT_NAMESPACE) === environment.metadata.namespace ||
  (kind === 'Namespace' && metadata.name === environment.metadata.namespace)

const isInjectable = (manifest: Manifest): boolean =>
  podTemplateOf(manifest) !== undefined || serviceSpecOf(manifest) !== undefined

/** The environment gets nothing, and there are objects without a namespace: they were probably meant for it. */
function nothingInNamespace(
  manifest: Manifest,
  { metadata: { name, namespace } }: Environment,
  own: readonly Manifest[],
  all: readonly Manifest[],
): Finding[] {
  const homeless = all.filter((it) => isInjectable(it) && it.metadata.namespace === undefined)
  if (homeless.length === 0 || own.some(isInjectable)) return []
  return [
    findingAt(
      manifest,
      'metadata.namespace',
      'NothingInNamespace',
      `no workload is in namespace "${namespace}" of this environment, and ${homeless.length} workloads and Services ` +
        `name no namespace, so nothing is injected: set their metadata.namespace to "${namespace}", or pass ` +
        `--environment ${name}`,
    ),
  ]
}
