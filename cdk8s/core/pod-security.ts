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
