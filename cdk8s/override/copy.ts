import { type Manifest, type Metadata, serviceSpecOf } from '../inject/manifest.ts'

/** Annotations about one object alone, which a copy must not have: who applied it, and what it owns outside. */
const OWN_ANNOTATIONS = [
  'kubectl.kubernetes.io/last-applied-configuration',
  'deployment.kubernetes.io/',
  'pv.kubernetes.io/',
  'volume.kubernetes.io/',
  'meta.helm.sh/',
  'argocd.argoproj.io/tracking-id',
  'objectset.rio.cattle.io/',
  // The copy of a Service is not a load balancer, and must not take the host name of the original.
  'external-dns.alpha.kubernetes.io/',
  'service.beta.kubernetes.io/',
]
const OWN_LABELS = ['argocd.argoproj.io/instance', 'objectset.rio.cattle.io/']

/** Fields of a Service that belong to one object, or to a load balancer. */
const OWN_SERVICE_FIELDS = [
  'allocateLoadBalancerNodePorts',
  'clusterIPs',
  'externalIPs',
  'externalTrafficPolicy',
  'healthCheckNodePort',
  'loadBalancerClass',
  'loadBalancerIP',
  'loadBalancerSourceRanges',
]

/**
 * Copies an object to another namespace, without status, and without the metadata and the fields that belong to the
 * original alone: uid, owner, node ports, cluster IPs, host names. Pure.
 */
export function copyTo(namespace: string, manifest: Manifest): Manifest {
  const { status: _status, apiVersion, kind, metadata, ...rest } = structuredClone(manifest)
  const copy: Manifest = { apiVersion, kind, metadata: { ...keptMetadata(metadata), namespace }, ...rest }
  const spec = serviceSpecOf(copy)
  if (spec !== undefined) cleanService(spec)
  if (copy.kind === 'PersistentVolumeClaim') delete recordOf(copy.spec)['volumeName']
  // Tokens, which Kubernetes creates.
  if (copy.kind === 'ServiceAccount') delete copy['secrets']
  return copy
}

function keptMetadata({ name, labels, annotations }: Metadata): Metadata {
  const keptLabels = without(labels, OWN_LABELS)
  const keptAnnotations = without(annotations, OWN_ANNOTATIONS)
  return {
    ...(name !== undefined && { name }),
    ...(Object.keys(keptLabels).length > 0 && { labels: keptLabels }),
    ...(Object.keys(keptAnnotations).length > 0 && { annotations: keptAnnotations }),
  }
}

const without = (
  map: Record<string, string> | undefined,
  starts: readonly string[],
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(map ?? {}).filter(([name]) => !starts.some((start) => name.startsWith(start))),
  )

function cleanService(spec: Record<string, unknown>): void {
  for (const field of OWN_SERVICE_FIELDS) delete spec[field]
  if (spec['clusterIP'] !== 'None') delete spec['clusterIP']
  if (spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer') delete spec['type']
  for (const port of Array.isArray(spec['ports']) ? spec['ports'] : []) delete recordOf(port)['nodePort']
}

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
