import { z } from 'zod'
import { label } from '../resources/fields.ts'
import { DEFAULT_WEIGHT, MAX_WEIGHT } from '../weight.ts'
import { instant, shortId } from './fields.ts'

const ADDRESS = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?):[0-9]{1,5}$/

/** A service of a cluster, reached through a tunnel of that cluster. */
export const clusterTarget = z.strictObject({
  name: label.describe('Name of the cluster.'),
  environment: label.describe('Environment whose view of the service applies.'),
  service: label.describe('Name of the Service.'),
  port: z.int().min(1).max(65535).describe('Port of the Service.'),
})

const fields = {
  address: z
    .string()
    .regex(ADDRESS, { error: 'host:port, such as 10.0.0.7:8888 or [2001:db8::7]:22', abort: true })
    .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65535, 'a port of at most 65535')
    .optional()
    .describe(
      'Host and port. The relay refuses private, loopback and metadata addresses unless its configuration allows them.',
    ),
  cluster: clusterTarget.optional().describe('Service of a cluster, reached through its tunnel.'),
  devbox: z.string().max(64).optional().describe('Id of a devbox session.'),
  weight: z
    .int()
    .min(0)
    .max(MAX_WEIGHT)
    .default(DEFAULT_WEIGHT)
    .describe('Share of the requests with weighted balancing. 0: only if no other target is left.'),
} as const

const KINDS = ['address', 'cluster', 'devbox'] as const
const isOne = (target: Partial<Record<(typeof KINDS)[number], unknown>>): boolean =>
  KINDS.filter((kind) => target[kind] !== undefined).length === 1
const ONE = { error: 'exactly one of address, cluster and devbox' }

/** A target as a client sends it. */
export const targetInput = z
  .strictObject({
    id: shortId.optional().describe('Id of the target within its circuit. Default: derived from the target.'),
    ...fields,
  })
  .refine(isOne, ONE)
export type TargetInput = z.infer<typeof targetInput>

/** A change of a target. Absent fields stay. */
export const targetPatch = z.strictObject({
  weight: fields.weight.unwrap().optional(),
  address: fields.address,
  draining: z.boolean().optional().describe('If true, the target gets no new requests.'),
})
export type TargetPatch = z.infer<typeof targetPatch>

export const TARGET_STATES = ['HEALTHY', 'UNHEALTHY', 'UNKNOWN'] as const

/** A target as the relay returns it. */
export const target = z.object({
  id: shortId,
  ...fields,
  weight: fields.weight.unwrap(),
  draining: z.boolean(),
  status: z.enum(TARGET_STATES).describe('Health of the target. UNKNOWN: no worker has checked it yet.'),
  statusReason: z.string().optional().describe('Reason for the status, as a sentence.'),
  statusSince: instant.describe('Time of the last change of the status.'),
})
export type Target = z.infer<typeof target>
