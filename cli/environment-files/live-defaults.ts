import { isDeepStrictEqual } from 'node:util'
import type { Manifest } from '@branchline/cdk8s/inject'

/** Values that the API server fills in. Without them, a manifest means the same. */
const DEFAULTS: readonly (readonly [path: RegExp, value: unknown])[] = [
  [/^spec\.progressDeadlineSeconds$/, 600],
  [/^spec\.revisionHistoryLimit$/, 10],
  [/^spec\.strategy$/, { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' }, type: 'RollingUpdate' }],
  [/^spec\.updateStrategy$/, { rollingUpdate: { partition: 0 }, type: 'RollingUpdate' }],
  [/^spec\.podManagementPolicy$/, 'OrderedReady'],
  [/^spec\.persistentVolumeClaimRetentionPolicy$/, { whenDeleted: 'Retain', whenScaled: 'Retain' }],
  [/\.creationTimestamp$/, null],
  [/\.template\.spec\.dnsPolicy$/, 'ClusterFirst'],
  [/\.template\.spec\.restartPolicy$/, 'Always'],
  [/\.template\.spec\.schedulerName$/, 'default-scheduler'],
  [/\.template\.spec\.securityContext$/, {}],
  [/\.template\.spec\.terminationGracePeriodSeconds$/, 30],
  [/\.(?:c|initC)ontainers\.\d+\.terminationMessagePath$/, '/dev/termination-log'],
  [/\.(?:c|initC)ontainers\.\d+\.terminationMessagePolicy$/, 'File'],
  [/\.(?:c|initC)ontainers\.\d+\.resources$/, {}],
  [/\.ports\.\d+\.protocol$/, 'TCP'],
  [/Probe\.failureThreshold$/, 3],
  [/Probe\.periodSeconds$/, 10],
  [/Probe\.successThreshold$/, 1],
  [/Probe\.timeoutSeconds$/, 1],
  [/Probe\.httpGet\.scheme$/, 'HTTP'],
  [/\.env\.\d+\.valueFrom\.fieldRef\.apiVersion$/, 'v1'],
  [/\.(?:configMap|secret|projected)\.defaultMode$/, 420],
  // Of a Service.
  [/^spec\.internalTrafficPolicy$/, 'Cluster'],
  [/^spec\.sessionAffinity$/, 'None'],
  [/^spec\.type$/, 'ClusterIP'],
  [/^spec\.ipFamilyPolicy$/, 'SingleStack'],
]

/** Fields that the API server alone sets. */
const SERVER_FIELDS = [/^status$/, /^spec\.template\.spec\.nodeName$/, /^spec\.finalizers$/]

/**
 * Returns an object of the API server as a person would write it: without status and without defaults. Metadata stays.
 * Pure.
 */
export function withoutLiveDefaults(manifest: Manifest): Manifest {
  const { spec, ...rest } = manifest
  delete rest['status']
  const policy = (spec as { ipFamilyPolicy?: string } | undefined)?.ipFamilyPolicy
  const cleaned = clean('spec', spec) as Record<string, unknown> | undefined
  // Of a cluster with one family. Another cluster may have the other one.
  if (policy === 'SingleStack' && cleaned !== undefined) delete cleaned['ipFamilies']
  return { ...rest, ...(cleaned !== undefined && { spec: cleaned }) }
}

function clean(path: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item, index) => clean(`${path}.${index}`, item))
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).flatMap(([name, part]) => {
    const at = `${path}.${name}`
    if (part === undefined || SERVER_FIELDS.some((field) => field.test(at)) || isDefault(at, part)) return []
    return [[name, clean(at, part)] as const]
  })
  return Object.fromEntries(kept)
}

const isDefault = (path: string, value: unknown): boolean =>
  DEFAULTS.some(([pattern, standard]) => pattern.test(path) && isDeepStrictEqual(value, standard))
