import { z } from 'zod'

const LABEL = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
/** A DNS label (RFC 1123): 1 to 63 lower-case letters, digits and inner hyphens. The pattern is also valid in RE2. */
export const LABEL_PATTERN = `^${LABEL}$`

/** A DNS label: the name of an environment or a namespace, or a key. */
export const label = z
  .string()
  .max(63)
  .regex(new RegExp(LABEL_PATTERN), 'at most 63 lower-case letters, digits and inner hyphens')

/**
 * The metadata that Branchline reads. Other fields pass unchecked, because the API server validates them.
 */
export const metadata = z.looseObject({
  name: label,
  namespace: label,
  uid: z.string().optional(),
  generation: z.number().int().optional(),
  creationTimestamp: z.string().nullish(),
  deletionTimestamp: z.string().nullish(),
  labels: z.record(z.string(), z.string()).nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
})
export type Metadata = z.infer<typeof metadata>

/** A condition of a Kubernetes resource (metav1.Condition). */
export const condition = z.object({
  type: z.string().max(316).describe('Type of the condition. Ready summarises the others.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether the condition is true.'),
  reason: z.string().min(1).max(1024).describe('Reason as one CamelCase word, for programs.'),
  message: z.string().max(32768).describe('Reason as a sentence, for people.'),
  lastTransitionTime: z.string().meta({ format: 'date-time' }).describe('Time of the last change of status.'),
  observedGeneration: z
    .int()
    .min(0)
    .optional()
    .describe('Generation of the resource that this condition describes.'),
})
export type Condition = z.infer<typeof condition>

/** The generation of a resource that its status describes. */
export const observedGeneration = z
  .int()
  .min(0)
  .optional()
  .describe('Generation of the resource that this status describes.')

/** The conditions of a status, one per type. */
export const conditions = z
  .array(condition)
  .describe('Conditions of the resource. Ready states whether the resource is in effect.')
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
