import { parseEnvironment } from '@branchline/wire/resources/parse'
import { environmentsAbove } from '@branchline/wire/resources/validate'
import { injectSidecars, type InjectOptions, isIncomplete } from './apply.ts'
import type { Manifest } from './manifest.ts'
import type { Finding } from './plan.ts'

/** Options that are the same for every environment. */
export type InjectEnvironmentsOptions = Omit<InjectOptions, 'environment' | 'above'>

/**
 * Adds sidecars to the workloads in the namespaces of the Environments among the manifests. An invalid Environment gets
 * none, and its validation reports why. A namespace whose workloads all have their sidecar passes unchanged. If some lack
 * it, existing sidecars are kept, unless `keepSidecars` is false. Keeps the order.
 */
export function injectEnvironments(
  manifests: readonly Manifest[],
  options: InjectEnvironmentsOptions = {},
): { manifests: Manifest[]; findings: Finding[] } {
  const environments = manifests
    .filter(({ kind }) => kind === 'Environment')
    .flatMap((manifest) => parseEnvironment(manifest).value ?? [])
  const byName = new Map(environments.map((it) => [it.metadata.name, it]))
  const result = new Map<Manifest, Manifest>()
  const findings: Finding[] = []
  const { keepSidecars = true } = options
  const byNamespace = Map.groupBy(manifests, ({ metadata }) => metadata.namespace)
  for (const environment of environments) {
    const own = byNamespace.get(environment.metadata.namespace) ?? []
    if (keepSidecars && !isIncomplete(own)) continue
    const above = environmentsAbove(environment, byName).map(({ metadata }) => metadata.namespace)
    const injected = injectSidecars(own, {
      ...options,
      keepSidecars,
      environment: environment.metadata.name,
      above,
    })
    for (const [index, manifest] of own.entries()) {
      result.set(manifest, injected.manifests[index] as Manifest)
    }
    findings.push(...injected.findings)
  }
  return { manifests: manifests.map((manifest) => result.get(manifest) ?? manifest), findings }
}
