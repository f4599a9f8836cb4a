import { containersOf, injectedTemplateOf, type Manifest, type PodSpec } from '../inject/manifest.ts'

/** The Pod Security Standards of Kubernetes. */
export type PodSecurity = 'restricted' | 'baseline' | 'privileged'

const PREFIX = 'pod-security.kubernetes.io'

/** Returns the labels by which a namespace enforces a standard. They always warn about and audit `restricted`. */
export function podSecurityLabels(level: PodSecurity): Record<string, string> {
  return { [`${PREFIX}/enforce`]: level, [`${PREFIX}/warn`]: 'restricted', [`${PREFIX}/audit`]: 'restricted' }
}

/** The security context that `restricted` requires of a pod. */
export const RESTRICTED_POD = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } as const

/** The security context that `restricted` requires of a container. */
export const RESTRICTED_CONTAINER = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
} as const

interface SecurityContext {
  readonly runAsNonRoot?: boolean
  readonly seccompProfile?: object
  readonly capabilities?: { readonly drop?: readonly string[] }
  readonly allowPrivilegeEscalation?: boolean
}

/**
 * Returns a manifest whose pods have the fields that `restricted` requires, as far as they leave them open. A value that
 * contradicts the standard stays, and Kubernetes refuses the pod. Pure.
 */
export function fillRestricted(manifest: Manifest): Manifest {
  if (injectedTemplateOf(manifest)?.spec === undefined) return manifest
  const copy = structuredClone(manifest)
  const spec = injectedTemplateOf(copy)?.spec as PodSpec & { securityContext?: SecurityContext }
  for (const container of containersOf({ spec })) {
    const own = container['securityContext'] as SecurityContext | undefined
    container['securityContext'] = {
      ...own,
      allowPrivilegeEscalation:
        own?.allowPrivilegeEscalation ?? RESTRICTED_CONTAINER.allowPrivilegeEscalation,
      capabilities: { ...own?.capabilities, drop: own?.capabilities?.drop ?? ['ALL'] },
    }
  }
  spec.securityContext = { ...RESTRICTED_POD, ...spec.securityContext }
  return copy
}
