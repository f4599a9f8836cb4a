import { z } from 'zod'

const LABEL = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
/** A DNS label (RFC 1123): 1 to 63 lower-case letters, digits and inner hyphens. In RE2's syntax too. */
export const LABEL_PATTERN = `^${LABEL}$`

/** A DNS label: what names an environment, a namespace, a key. */
export const label = z
  .string()
  .max(63)
  .regex(new RegExp(LABEL_PATTERN), 'lower-case letters, digits and inner hyphens, at most 63 of them')

/**
 * The metadata that Branchline reads. Everything else in it passes: it is Kubernetes' own, and the API
 * server judges it.
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

/** A condition as every Kubernetes resource has them (metav1.Condition). */
export const condition = z.object({
  type: z.string().max(316).describe('What the condition is about; Ready sums the others up.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: z.string().min(1).max(1024).describe('Why, as one CamelCase word for programs.'),
  message: z.string().max(32768).describe('Why, as a sentence for people.'),
  lastTransitionTime: z.string().meta({ format: 'date-time' }).describe('When the status last changed.'),
  observedGeneration: z.int().min(0).optional().describe('The generation that was judged.'),
})
export type Condition = z.infer<typeof condition>

/** The conditions of a status, one a type. */
export const conditions = z
  .array(condition)
  .describe('What the manager found: Ready says whether the resource is in effect.')
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
