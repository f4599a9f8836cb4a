import type { Manifest } from '@branchline/cdk8s/inject'
import { podTemplateOf, sameNamespace, selects, serviceSpecOf } from '@branchline/cdk8s/inject/manifest'

/**
 * Returns the manifests that depend on others, which stay as they are: Services that select one of their workloads,
 * workloads that one of their Services selects, and so on. `causes` names the file of each of the others, and the result
 * that of each dependent.
 */
export function dependentsOf(
  manifests: readonly Manifest[],
  causes: ReadonlyMap<Manifest, string>,
): Map<Manifest, string> {
  const dependents = new Map<Manifest, string>()
  const left = new Set(manifests)
  const next = [...causes]
  for (let entry = next.pop(); entry !== undefined; entry = next.pop()) {
    const [manifest, cause] = entry
    for (const other of left) {
      if (!areConnected(manifest, other) && !areConnected(other, manifest)) continue
      left.delete(other)
      dependents.set(other, cause)
      next.push([other, cause])
    }
  }
  return dependents
}

function areConnected(service: Manifest, workload: Manifest): boolean {
  const spec = serviceSpecOf(service)
  const template = podTemplateOf(workload)
  // What remains of a broken document may have any shape.
  if (!sameNamespace(service, workload) || typeof spec !== 'object' || typeof template !== 'object')
    return false
  return spec !== null && template !== null && selects(spec, template)
}
