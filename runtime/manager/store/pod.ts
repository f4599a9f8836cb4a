import { parseInbound } from '@branchline/wire/inbound'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { ANNOTATIONS, LABELS } from '@branchline/wire/names'
import { DEFAULT_WEIGHT, parseWeight } from '@branchline/wire/weight'
import { z } from 'zod'

/** A Pod, as far as routes need it. */
export interface PodFacts {
  readonly namespace: string
  readonly name: string
  /** Its own address; undefined while it has none, shares its node's, or has ended. */
  readonly address: string | undefined
  readonly sidecar: boolean
  /** The ports at which its sidecar listens; undefined where it does not say. */
  readonly inbound: readonly number[] | undefined
  readonly hostNetwork: boolean
  /** Its DNS search list; undefined where it is nobody's matter: it opted out, or has its node's DNS. */
  readonly searches: readonly string[] | undefined
  /** Its share of the requests that sidecars send to its Service, among the other pods'. */
  readonly weight: number
  /** What its annotation says instead of a weight; undefined where there is nothing wrong with it. */
  readonly badWeight: string | undefined
  /** What made it, for people: `Deployment "web"`. */
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
  status: z.object({ podIP: z.string().nullish(), phase: z.string().nullish() }).nullish(),
})

/** A node's address is nobody's in particular, and that of a pod which has ended may be another's by now. */
export function parsePod(object: KubernetesObject): PodFacts {
  const { metadata, spec, status } = pod.parse(object)
  const { name, namespace = '', labels, annotations, creationTimestamp } = object.metadata
  const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed'
  const hostNetwork = spec?.hostNetwork === true
  return {
    namespace,
    name,
    address: ended || hostNetwork ? undefined : (status?.podIP ?? undefined) || undefined,
    sidecar: labels?.[LABELS.sidecar] === 'true' && !ended,
    inbound: inboundOf(annotations?.[ANNOTATIONS.inbound]),
    hostNetwork,
    searches: ended || annotations?.[ANNOTATIONS.inject] === 'disabled' ? undefined : searchesOf(spec),
    ...weightOf(annotations?.[ANNOTATIONS.weight]),
    workload: workloadOf(name, labels, metadata.ownerReferences ?? []),
    createdAt: creationTimestamp ?? '',
  }
}

/** None where the pod has its node's DNS, or its own, and not the cluster's. */
function searchesOf(spec: z.infer<typeof pod>['spec']): string[] | undefined {
  if (spec?.hostNetwork === true || (spec?.dnsPolicy ?? 'ClusterFirst') !== 'ClusterFirst') return undefined
  return spec?.dnsConfig?.searches ?? []
}

function inboundOf(line: string | undefined): number[] | undefined {
  if (line === undefined) return undefined
  try {
    return parseInbound(line).map(({ port }) => port)
  } catch {
    // The sidecar says so itself, and louder.
    return undefined
  }
}

function weightOf(said: string | undefined): Pick<PodFacts, 'weight' | 'badWeight'> {
  if (said === undefined) return { weight: DEFAULT_WEIGHT, badWeight: undefined }
  const weight = parseWeight(said)
  return { weight: weight ?? DEFAULT_WEIGHT, badWeight: weight === undefined ? said : undefined }
}

interface Owner {
  readonly kind: string
  readonly name: string
  readonly controller?: boolean | null | undefined
}

/** A ReplicaSet of a Deployment is named for it, with the hash of the pod template behind. */
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
