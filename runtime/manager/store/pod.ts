import { parseInbound } from '@branchline/wire/inbound'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { ANNOTATIONS, LABELS } from '@branchline/wire/names'
import { DEFAULT_WEIGHT, parseWeight } from '@branchline/wire/weight'
import { z } from 'zod'

/** The facts of a Pod that routes need. */
export interface PodFacts {
  readonly namespace: string
  readonly name: string
  /** Its own addresses, one of each family. None if it has none yet, shares its node's, or has ended. */
  readonly addresses: readonly string[]
  readonly sidecar: boolean
  /** The ports on which its sidecar listens. Undefined if the annotation is missing or invalid. */
  readonly inbound: readonly number[] | undefined
  readonly hostNetwork: boolean
  /** Its DNS search list. Undefined if it needs none, because it opted out or uses its node's DNS. */
  readonly searches: readonly string[] | undefined
  /** Its share of the requests that sidecars send to its Service, relative to other pods. */
  readonly weight: number
  /** The value of its annotation if it is not a valid weight, otherwise undefined. */
  readonly badWeight: string | undefined
  /** The workload that created it, for people to read: `Deployment "web"`. */
  readonly workload: string
  readonly createdAt: string
}

const pod = z.object({
  metadata: z.object({
    ownerReferences: z
      .array(z.object({ kind: z.string(), name: z.string(), controller: z.boolean().nullish() }))
      .nullish(),
  }),
  spec: z
    .object({
      hostNetwork: z.boolean().nullish(),
      dnsPolicy: z.string().nullish(),
      dnsConfig: z.object({ searches: z.array(z.string()).nullish() }).nullish(),
    })
    .nullish(),
  status: z
    .object({
      podIP: z.string().nullish(),
      podIPs: z.array(z.object({ ip: z.string() })).nullish(),
      phase: z.string().nullish(),
    })
    .nullish(),
})

/** Parses a Pod. It gets no addresses if it shares its node's, or has ended, because another pod may have them. */
export function parsePod(object: KubernetesObject): PodFacts {
  const { metadata, spec, status } = pod.parse(object)
  const { name, namespace = '', labels, annotations, creationTimestamp } = object.metadata
  const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed'
  const hostNetwork = spec?.hostNetwork === true
  return {
    namespace,
    name,
    addresses: ended || hostNetwork ? [] : addressesOf(status),
    sidecar: labels?.[LABELS.sidecar] === 'true' && !ended,
    inbound: inboundOf(annotations?.[ANNOTATIONS.inbound]),
    hostNetwork,
    searches: ended || annotations?.[ANNOTATIONS.inject] === 'disabled' ? undefined : searchesOf(spec),
    ...weightOf(annotations?.[ANNOTATIONS.weight]),
    workload: workloadOf(name, labels, metadata.ownerReferences ?? []),
    createdAt: creationTimestamp ?? '',
  }
}

/** `podIPs` has the addresses of both families in a dual-stack cluster. Its first one is `podIP`. */
function addressesOf(status: z.infer<typeof pod>['status']): string[] {
  const all = status?.podIPs?.map(({ ip }) => ip) ?? [status?.podIP ?? '']
  return [...new Set(all)].filter((address) => address !== '')
}

/** Undefined if the pod does not use the cluster's DNS. */
function searchesOf(spec: z.infer<typeof pod>['spec']): string[] | undefined {
  if (spec?.hostNetwork === true || (spec?.dnsPolicy ?? 'ClusterFirst') !== 'ClusterFirst') return undefined
  return spec?.dnsConfig?.searches ?? []
}

function inboundOf(line: string | undefined): number[] | undefined {
  if (line === undefined) return undefined
  try {
    return parseInbound(line).map(({ port }) => port)
  } catch {
    // The sidecar reports this fault itself and does not start.
    return undefined
  }
}

function weightOf(value: string | undefined): Pick<PodFacts, 'weight' | 'badWeight'> {
  if (value === undefined) return { weight: DEFAULT_WEIGHT, badWeight: undefined }
  const weight = parseWeight(value)
  return { weight: weight ?? DEFAULT_WEIGHT, badWeight: weight === undefined ? value : undefined }
}

interface Owner {
  readonly kind: string
  readonly name: string
  readonly controller?: boolean | null | undefined
}

/** A Deployment's ReplicaSet has its name, followed by the hash of the pod template. */
function workloadOf(
  name: string,
  labels: Readonly<Record<string, string>> | undefined,
  owners: readonly Owner[],
): string {
  const owner = owners.find(({ controller }) => controller === true) ?? owners[0]
  if (owner === undefined) return `Pod "${name}"`
  const hash = labels?.['pod-template-hash']
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) {
    return `Deployment "${owner.name.slice(0, -hash.length - 1)}"`
  }
  return `${owner.kind} "${owner.name}"`
}
