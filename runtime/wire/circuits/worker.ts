import { z } from 'zod'
import { BACKENDS } from './circuit.ts'
import { instant, labels, shortId } from './fields.ts'

export const WORKER_STATES = ['ready', 'cordoned', 'draining', 'lost'] as const
export type WorkerState = (typeof WORKER_STATES)[number]

/** How busy a worker is. */
export const load = z.object({
  connections: z.int().min(0),
  requestsPerSecond: z.number().min(0),
  circuits: z.int().min(0),
  streams: z.int().min(0).describe('Open streams over tunnels.'),
  cpu: z.number().min(0).describe('Cores in use.'),
  memoryBytes: z.int().min(0),
})
export type Load = z.infer<typeof load>

/** Visible characters only. */
const url = z
  .url()
  .max(2_048)
  .regex(/^[!-~]+$/)

/** Where others reach a worker. Absent: not at all. */
export const addresses = z.object({
  http: url.optional().describe('URL of the listener for visitors.'),
  https: url.optional(),
  tunnel: url.optional().describe('WebSocket URL at which clusters connect.'),
  peer: url.optional().describe('WebSocket URL at which other workers connect.'),
  metrics: url.optional().describe('URL of the metrics for Prometheus.'),
  portHost: z
    .string()
    .max(253)
    .regex(/^[!-~]*$/)
    .optional()
    .describe('Host at which port circuits are reached.'),
})
export type Addresses = z.infer<typeof addresses>

/** What a worker sends when it joins and after each change. */
export const workerFacts = z.object({
  name: shortId,
  group: shortId,
  version: z
    .string()
    .max(64)
    .regex(/^[ -~]*$/),
  labels,
  backends: z.array(z.enum(BACKENDS)),
  ports: z
    .object({ from: z.int().min(1).max(65535), to: z.int().min(1).max(65535) })
    .optional()
    .describe('Range of ports for port circuits. Absent: none.'),
  addresses,
  maxCircuits: z.int().min(1).max(1_000_000_000),
})
export type WorkerFacts = z.infer<typeof workerFacts>

/** A worker as the relay returns it. */
export const worker = workerFacts.extend({
  id: z.string(),
  state: z.enum(WORKER_STATES),
  stateReason: z.string().optional(),
  stateSince: instant,
  joinedAt: instant,
  lastHeartbeatAt: instant.optional(),
  load: load.optional(),
  servedEpoch: z.int().optional().describe('Epoch of the circuits that it serves.'),
  clusters: z.array(z.string()).describe('Clusters with a tunnel to this worker.'),
})
export type Worker = z.infer<typeof worker>

/** What a worker gets when it joins: its id, and its credential, which is shown only once. */
export const joinedWorker = z.object({
  id: z.string(),
  credential: z.string().describe('Credential of the worker. It is shown only now.'),
})
export type JoinedWorker = z.infer<typeof joinedWorker>
