/** The Pod Security Standards of Kubernetes. */
export type PodSecurity = 'restricted' | 'baseline' | 'privileged'

const PREFIX = 'pod-security.kubernetes.io'

/** The labels with which a namespace enforces a standard; `restricted` is warned of and audited in any case. */
export function podSecurityLabels(level: PodSecurity): Record<string, string> {
  return { [`${PREFIX}/enforce`]: level, [`${PREFIX}/warn`]: 'restricted', [`${PREFIX}/audit`]: 'restricted' }
}

/** What `restricted` asks of a pod. */
export const RESTRICTED_POD = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } as const

/** What `restricted` asks of a container. */
export const RESTRICTED_CONTAINER = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
} as const
