import type { KubernetesObject } from '@branchline/wire/local-api'
import { z } from 'zod'

/** The fields that every object of the API has (metav1.TypeMeta, ObjectMeta). */
const object = z.looseObject({
  apiVersion: z.string().optional(),
  kind: z.string().optional(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    resourceVersion: z.string(),
  }),
})
export type ApiObject = z.infer<typeof object>

/** An object of the API server, its own fields left as they are; throws where it is none. */
export const parseApiObject = (value: unknown): ApiObject => object.parse(value)

/** What is kept of each kind: fields of the object, and of what they hold. Others never leave this edge. */
type Kept = true | { readonly [field: string]: Kept }

const METADATA = {
  name: true,
  namespace: true,
  uid: true,
  generation: true,
  creationTimestamp: true,
  deletionTimestamp: true,
  labels: true,
  annotations: true,
} as const satisfies Kept

const PORTS: Kept = { name: true, port: true, appProtocol: true, protocol: true, targetPort: true }

export const KEPT = {
  Namespace: { metadata: METADATA, status: { phase: true } },
  // The version, so that what is deleted is what was seen.
  Environment: { metadata: { ...METADATA, resourceVersion: true }, spec: true, status: true },
  Preview: { metadata: METADATA, spec: true, status: true },
  Service: {
    metadata: METADATA,
    spec: {
      type: true,
      ports: PORTS,
      ipFamilies: true,
      clusterIP: true,
      selector: true,
      externalName: true,
      publishNotReadyAddresses: true,
    },
  },
  EndpointSlice: {
    metadata: METADATA,
    addressType: true,
    ports: PORTS,
    endpoints: {
      addresses: true,
      conditions: true,
      targetRef: { kind: true, name: true, namespace: true },
    },
  },
  Pod: {
    metadata: { ...METADATA, ownerReferences: { kind: true, name: true, controller: true } },
    spec: { hostNetwork: true, dnsPolicy: true, dnsConfig: { searches: true } },
    status: { phase: true, podIP: true, podIPs: true },
  },
} as const satisfies Record<string, Kept>

/** Annotations of tools that repeat a whole object. */
const BULKY = new Set(['kubectl.kubernetes.io/last-applied-configuration'])

/** The object with the fields that count, and its kind, which an item of a list lacks. */
export function trim(kind: keyof typeof KEPT, apiVersion: string, value: ApiObject): KubernetesObject {
  const kept = pick(value, KEPT[kind]) as { metadata: Record<string, unknown> }
  const { annotations } = kept.metadata
  if (annotations !== undefined) kept.metadata['annotations'] = withoutBulk(annotations)
  return { ...kept, apiVersion, kind } as unknown as KubernetesObject
}

function pick(value: unknown, kept: Kept): unknown {
  if (kept === true || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => pick(item, kept))
  const result: Record<string, unknown> = {}
  for (const [field, inner] of Object.entries(kept)) {
    const found = (value as Record<string, unknown>)[field]
    if (found !== undefined) result[field] = pick(found, inner)
  }
  return result
}

const withoutBulk = (annotations: unknown): unknown =>
  typeof annotations !== 'object' || annotations === null
    ? annotations
    : Object.fromEntries(Object.entries(annotations).filter(([name]) => !BULKY.has(name)))
