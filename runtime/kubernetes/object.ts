import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { z } from 'zod'
import type { Kept, Resource } from './resource.ts'

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

/** Checks the common fields of an object of the API server, and leaves the others unchanged. Throws if it is not one. */
export const parseApiObject = (value: unknown): ApiObject => object.parse(value)

/** Annotations in which tools repeat the whole object. */
const BULKY = new Set(['kubectl.kubernetes.io/last-applied-configuration'])

/** The object with only the kept fields, and with its type, which the items of a list lack. */
export function trim(
  resource: Pick<Resource, 'kind' | 'apiVersion' | 'kept'>,
  value: ApiObject,
): KubernetesObject {
  const kept = pick(value, resource.kept) as { metadata: Record<string, unknown> }
  const { annotations } = kept.metadata
  if (annotations !== undefined) kept.metadata['annotations'] = withoutBulk(annotations)
  return { ...kept, apiVersion: resource.apiVersion, kind: resource.kind } as unknown as KubernetesObject
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
