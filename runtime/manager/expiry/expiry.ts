import { ANNOTATIONS } from '@branchline/wire/names'
import { durationMs } from '@branchline/wire/duration'
import type { Environment } from '@branchline/wire/resources/environment'
import type { Metadata } from '@branchline/wire/resources/fields'

/** When an environment expires (Unix milliseconds). Undefined if it has no ttl or no creation time. */
export function endsAtMs({ metadata, spec }: Environment): number | undefined {
  if (spec.ttl === undefined) return undefined
  const endsMs = Date.parse(metadata.creationTimestamp ?? '') + durationMs(spec.ttl)
  return Number.isNaN(endsMs) ? undefined : endsMs
}

/** The environments (ids) that have expired at a time, and when the next one expires. */
export function expiredAt(
  environments: ReadonlyMap<string, Environment>,
  nowMs: number,
): { expired: Set<string>; nextMs: number | undefined } {
  const expired = new Set<string>()
  let nextMs = Number.POSITIVE_INFINITY
  for (const [id, environment] of environments) {
    const endsMs = endsAtMs(environment)
    if (endsMs === undefined) continue
    if (endsMs <= nowMs) expired.add(id)
    else nextMs = Math.min(nextMs, endsMs)
  }
  return { expired, nextMs: Number.isFinite(nextMs) ? nextMs : undefined }
}

/**
 * Marks of tools that manage an object, mostly from git, and would create it again after a deletion: Argo CD
 * (annotation or label tracking, with its own label or Kubernetes' `instance`), Flux, Helm.
 */
const MARKS = {
  annotations: ['argocd.argoproj.io/tracking-id', 'meta.helm.sh/release-name'],
  labels: [
    'argocd.argoproj.io/instance',
    'kustomize.toolkit.fluxcd.io/name',
    'helm.toolkit.fluxcd.io/name',
    'app.kubernetes.io/instance',
  ],
} as const

/**
 * The mark of a tool that manages an object, so that only that tool may delete it. Undefined if there is none.
 * The annotation `branchline.dev/expiry` (`keep` or `delete`) overrides the marks.
 */
export function heldBy({ annotations, labels }: Metadata): string | undefined {
  const rule = annotations?.[ANNOTATIONS.expiry]
  if (rule === 'keep') return `annotation ${ANNOTATIONS.expiry}`
  if (rule === 'delete') return undefined
  const annotation = MARKS.annotations.find((name) => annotations?.[name] !== undefined)
  if (annotation !== undefined) return `annotation ${annotation}`
  const label = MARKS.labels.find((name) => labels?.[name] !== undefined)
  return label === undefined ? undefined : `label ${label}`
}
