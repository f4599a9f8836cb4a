import { z } from 'zod'
import { access } from './access.ts'
import { circuitKey, duration, hostName, instant, labels, MAX_TARGETS, shortId } from './fields.ts'
import { target, targetInput } from './target.ts'

export const BACKENDS = ['http', 'h2', 'tcp', 'traefik'] as const
export type Backend = (typeof BACKENDS)[number]
export const BALANCING = ['round-robin', 'weighted', 'least-connections'] as const
export type Balancing = (typeof BALANCING)[number]
export const STICKINESS = ['none', 'cookie', 'address'] as const
export const CIRCUIT_STATUSES = ['PENDING', 'HEALTHY', 'UNHEALTHY'] as const
export type CircuitStatus = (typeof CIRCUIT_STATUSES)[number]
/** The worker group of circuits and workers that name none. */
export const DEFAULT_GROUP = 'default'

const subdomain = z.strictObject({
  type: z.literal('subdomain'),
  label: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe(
      'Leftmost label of the host. The relay normalises it (NFC, punycode, lower case). Default: derived from the key.',
    ),
  hosts: z.array(hostName).max(16).optional().describe('Further host names that lead to the circuit.'),
})
const port = z.strictObject({
  type: z.literal('port'),
  port: z
    .int()
    .min(1)
    .max(65535)
    .optional()
    .describe(
      "Port, from the range of the worker group. Default: the relay chooses one by the circuit's key.",
    ),
})
/** The way in: a host name on the port that all subdomain circuits share, or a port of its own. */
export const frontend = z.discriminatedUnion('type', [subdomain, port])
export type Frontend = z.infer<typeof frontend>

/** Limits of one circuit. A client that exceeds one gets a problem document that names it. */
export const circuitLimits = z.strictObject({
  requestsPerSecond: z.int().min(1).max(1_000_000).optional(),
  connections: z.int().min(1).max(100_000).optional().describe('Requests and connections at the same time.'),
  bodyBytes: z.int().min(0).optional().describe('Largest body of a request, in bytes.'),
  responseMs: z.int().min(1).max(86_400_000).optional().describe('Longest time to the head of a response.'),
})
export type CircuitLimits = z.infer<typeof circuitLimits>

const headerName = z
  .string()
  .max(128)
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'a field name (RFC 9110, 5.1)')
const headerValue = z
  .string()
  .max(4096)
  .regex(/^[\t -~]*$/, 'a field value without control characters')

/** What the app sees of a request. */
export const rewrite = z.strictObject({
  host: z
    .enum(['circuit', 'target'])
    .optional()
    .describe("Host that the app sees: the circuit's (default) or the target's."),
  pathPrefix: z
    .string()
    .max(256)
    .regex(/^\/[!-~]*[!-.0-~]$/, 'a path without a slash at its end, such as /base')
    .optional()
    .describe('Text before the path that the app sees.'),
  headers: z.record(headerName, headerValue).optional().describe('Fields that the relay sets in requests.'),
})

/** How workers check the targets. Without it they do not check actively, and a target counts as healthy. */
export const healthCheck = z.strictObject({
  type: z.enum(['http', 'tcp']),
  path: z
    .string()
    .max(1024)
    .regex(/^\/[!-~]*$/)
    .optional()
    .describe('Path to GET. Default: /.'),
  status: z
    .array(z.int().min(100).max(599))
    .min(1)
    .max(64)
    .optional()
    .describe('Statuses that count as healthy. Default: 200 to 399.'),
  interval: duration.optional().describe('Time between two checks. Default: 5s.'),
  timeout: duration.optional().describe('Longest time to a result. Default: 2s.'),
  retries: z
    .int()
    .min(0)
    .max(10)
    .optional()
    .describe('Failed checks in a row that are tolerated. Default: 3.'),
})

export const placement = z.strictObject({
  group: shortId.optional().describe('Worker group. Default: default.'),
  selector: labels.optional().describe('Labels that a worker must have.'),
})

/** The fields that clients can set and change. */
export const settings = z.strictObject({
  backend: z.enum(BACKENDS).describe("Protocol to the targets. Default: the service's protocol, or http."),
  balancing: z.enum(BALANCING).describe('How requests are spread. Default: round-robin.'),
  stickiness: z.enum(STICKINESS).describe('What keeps a client on one target. Default: none.'),
  access: access.describe('Who may use the circuit. Default: organization for subdomains.'),
  limits: circuitLimits,
  rewrite: rewrite,
  health: healthCheck,
  labels: labels,
  placement: placement,
  ttl: duration.describe('Time without use after which the circuit is removed. Default: never.'),
  middlewares: z
    .array(z.string().max(128))
    .max(16)
    .describe("Names of Traefik's middlewares, for the backend traefik."),
})

/** POST /api/v1/circuits. */
export const circuitCreate = z.strictObject({
  key: circuitKey,
  frontend,
  targets: z.array(targetInput).max(MAX_TARGETS).optional(),
  ...settings.partial().shape,
})
export type CircuitCreate = z.infer<typeof circuitCreate>

function clearable<S extends z.ZodRawShape>(
  shape: S,
): { [K in keyof S]: z.ZodOptional<z.ZodNullable<S[K]>> } {
  const entries = Object.entries(shape).map(([name, it]) => [name, z.nullable(it).optional()])
  return Object.fromEntries(entries) as { [K in keyof S]: z.ZodOptional<z.ZodNullable<S[K]>> }
}

const nullableValues = <K extends z.core.$ZodRecordKey, V extends z.ZodType>(
  record: z.ZodRecord<K, V>,
): z.ZodRecord<K, z.ZodNullable<V>> => z.record(record.keyType, z.nullable(record.valueType))

const patchedLabels = nullableValues(labels)

/** Patches of the fields that are objects: they are merged, too. The relay checks the result as a whole. */
const patches = {
  access: z.strictObject(clearable(access.shape)).nullable().optional(),
  limits: z.strictObject(clearable(circuitLimits.shape)).nullable().optional(),
  rewrite: z
    .strictObject({
      ...clearable(rewrite.shape),
      headers: nullableValues(rewrite.shape.headers.unwrap()).nullable().optional(),
    })
    .nullable()
    .optional(),
  health: z.strictObject(clearable(healthCheck.shape)).nullable().optional(),
  labels: patchedLabels.nullable().optional(),
  placement: z
    .strictObject({ ...clearable(placement.shape), selector: patchedLabels.nullable().optional() })
    .nullable()
    .optional(),
} as const

/** PATCH of a circuit (RFC 7396): absent fields stay, null returns a field to its default. */
export const circuitPatch = z.strictObject({
  frontend: z.strictObject({ hosts: subdomain.shape.hosts }).optional(),
  targets: z.array(targetInput).max(MAX_TARGETS).optional().describe('The complete list.'),
  ...clearable(settings.shape),
  ...patches,
})
export type CircuitPatch = z.infer<typeof circuitPatch>

/** Who registered a circuit, and may change it. */
export const owner = z.discriminatedUnion('type', [
  z.object({ type: z.literal('key'), id: z.string() }),
  z.object({ type: z.literal('cluster'), credential: z.string(), cluster: z.string() }),
])
export type Owner = z.infer<typeof owner>

/** A circuit as the relay returns it. */
export const circuit = z.object({
  id: z.uuid(),
  key: circuitKey,
  owner,
  frontend: z.discriminatedUnion('type', [
    z.object({ type: z.literal('subdomain'), label: z.string(), hosts: z.array(z.string()) }),
    z.object({ type: z.literal('port'), port: z.int() }),
  ]),
  url: z.string().optional().describe('URL for clients of a subdomain circuit.'),
  host: z.string().optional().describe('Host name of a subdomain circuit.'),
  port: z.int().optional().describe('Port of a port circuit.'),
  targets: z.array(target),
  backend: z.enum(BACKENDS),
  balancing: z.enum(BALANCING),
  stickiness: z.enum(STICKINESS),
  access,
  limits: circuitLimits,
  rewrite,
  health: healthCheck.optional(),
  labels,
  placement: z.object({ group: shortId, selector: labels }),
  ttl: duration.optional(),
  middlewares: z.array(z.string()),
  state: z.enum(['active', 'draining']).describe('draining: open connections go on, new ones are refused.'),
  status: z
    .enum(CIRCUIT_STATUSES)
    .describe(
      'PENDING: no worker serves it yet. UNHEALTHY: no target is healthy, or no worker can serve it.',
    ),
  statusReason: z.string().optional().describe('Reason for the status, as a sentence.'),
  statusSince: instant,
  workers: z.array(z.string()).describe('Workers that serve the circuit now.'),
  version: z.int().describe('Version of the circuit: its ETag.'),
  createdAt: instant,
  updatedAt: instant,
  lastAccessAt: instant.optional(),
  requests: z.int().describe('Requests and TCP connections so far.'),
})
export type Circuit = z.infer<typeof circuit>
