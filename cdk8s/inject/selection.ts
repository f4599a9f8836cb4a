import {
  type Manifest,
  nameOf,
  podTemplateOf,
  type PodTemplate,
  sameNamespace,
  selects,
  type ServiceSpec,
} from './manifest.ts'

/** The annotations by which Helm and Argo CD mark objects that exist only during an installation or a test. */
const HOOKS = ['helm.sh/hook', 'argocd.argoproj.io/hook']
const COMPLETED = new Set(['Succeeded', 'Failed'])

/** Reports whether the pods of a workload are there to serve: not a hook, and not a pod that has ended. */
export function serves(workload: Manifest): boolean {
  const { annotations } = workload.metadata
  if (HOOKS.some((hook) => (annotations?.[hook] ?? undefined) !== undefined)) return false
  const { phase } = (workload['status'] ?? {}) as { phase?: string }
  return phase === undefined || !COMPLETED.has(phase)
}

/** Reports whether this is a pod that runs to its end. */
function ends(workload: Manifest): boolean {
  const policy = workload.kind === 'Pod' ? podTemplateOf(workload)?.spec?.restartPolicy : undefined
  return policy === 'Never' || policy === 'OnFailure'
}

/**
 * Returns the workloads that a Service leads to. Pods that run to their end count only if the Service selects nothing
 * else, because a pod of a test often has the labels of what it tests.
 */
export function selectedBy(
  service: Manifest,
  spec: ServiceSpec,
  workloads: readonly Manifest[],
): readonly Manifest[] {
  const selected = workloads.filter(
    (it) => sameNamespace(it, service) && selects(spec, podTemplateOf(it) as PodTemplate),
  )
  const lasting = selected.filter((it) => !ends(it))
  return lasting.length > 0 ? lasting : selected
}

/** Returns other objects with a pod template that a Service selects, such as those of an operator. Formatted for people. */
export function othersSelectedBy(
  service: Manifest,
  spec: ServiceSpec,
  manifests: readonly Manifest[],
): string[] {
  return manifests.flatMap((manifest) => {
    const template = (manifest.spec as { template?: PodTemplate } | null | undefined)?.template
    if (typeof template !== 'object' || template === null || podTemplateOf(manifest) !== undefined) return []
    if (!sameNamespace(manifest, service) || !selects(spec, template)) return []
    return [`${manifest.kind} "${nameOf(manifest)}" (${manifest.apiVersion})`]
  })
}
