import { z } from 'zod'
import { hop } from './hop.ts'
import { isKey } from '../key.ts'
import { MAX_CALL_TIMES, MAX_TRAFFIC_ENTRIES } from './protocol.ts'

const service = z.string().max(253)
const count = z.number().int().min(0)
const ms = z.number().min(0).max(120_000)

/** How many requests with a key a service received, and how many of them the app of the pod served. */
const keyedRequests = z.object({
  service,
  key: z.string().refine(isKey, 'not a routing key'),
  received: count,
  served: count,
})

/** The requests of one address to a service: with a key, without one, and connections that are not HTTP. */
const calls = z.object({
  service,
  from: z.string().max(64),
  keyed: count,
  keyless: count,
  /** How many milliseconds before the end of the report the first of the keyless requests arrived. */
  at: z.array(ms).max(MAX_CALL_TIMES),
  /** If `at` is not complete: how many milliseconds before the end of the report it becomes incomplete. */
  completeMs: ms.optional(),
})

/** Connections of one address that are not HTTP, and the environment to which the newest one went. */
const rawConnections = z.object({
  service,
  from: z.string().max(64),
  environment: z.string().max(253),
  opened: count,
})

/**
 * A time in which the app of the pod had only requests with a key, after a time without any request: how many
 * milliseconds before the end of the report it began, how long it lasted, and how long there was no request before it.
 */
const keyedTime = z.object({ beganMs: z.number().min(0).max(600_000), ms, idleMs: ms })

/** What a sidecar saw of keys since its last report (SPEC.md, section 7). */
export const traffic = z.object({
  type: z.literal('traffic'),
  /** The end of the report by the clock of the sidecar, in milliseconds since 1970. */
  untilMs: z.number(),
  keyed: z.array(keyedRequests).max(MAX_TRAFFIC_ENTRIES),
  /** Services whose keys were too many to be counted. */
  uncounted: z.array(service).max(MAX_TRAFFIC_ENTRIES).optional(),
  calls: z.array(calls).max(MAX_TRAFFIC_ENTRIES),
  raw: z.array(rawConnections).max(MAX_TRAFFIC_ENTRIES),
  keyedTimes: z.array(keyedTime).max(MAX_TRAFFIC_ENTRIES),
})
export type TrafficReport = z.infer<typeof traffic>

/** An override that a request did not reach, and the service that lost the key, if that is known. */
export const missed = z.object({
  override: service,
  /** The service that received the request with the key, and the one that it called without it. */
  by: service.optional(),
  called: service.optional(),
})
export type Missed = z.infer<typeof missed>

/** Connections that are not HTTP, of a service on the path of a request. */
export const tcpHop = z.object({
  service,
  from: service,
  environment: z.string().max(253),
})
export type TcpHop = z.infer<typeof tcpHop>

/** The response of a sidecar to a query of the hops of a trace (SPEC.md, section 6). */
export const knownPath = z.object({
  hops: hop.array(),
  missed: missed.array().optional(),
  tcp: tcpHop.array().optional(),
})
export type KnownPath = z.infer<typeof knownPath>
