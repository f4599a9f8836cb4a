import { z } from 'zod'
import { label } from '../resources/fields.ts'
import { PREVIEW_PROTOCOLS } from '../tunnel/control.ts'
import { LISTING_PAGE, REPORT_PAGE } from './protocol.ts'
import type { DeltaMessage, SnapshotMessage } from './delta.ts'
import type { DeployedSession } from './table.ts'
import { TARGET_STATES } from './target.ts'
import { load, workerFacts } from './worker.ts'

const id = z.string().regex(/^[!-~]{1,128}$/, 'visible characters')
/** What PostgreSQL does not store (NUL, half of a surrogate pair) is replaced: it may come from a message of an app. */
const sentence = z
  .string()
  .max(1_024)
  .transform((text) => text.toWellFormed().replaceAll('\0', '\uFFFD'))
const hash = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in lower-case hexadecimal')
const epoch = z.int().min(0)
/** Up to the end of the year 9999. */
const timeMs = z.int().min(0).max(253_402_300_799_999)
const count = z.int().min(0).max(1_000_000_000)

/** A preview that a cluster lists over its tunnels, as in `wire/tunnel/control.ts`. */
export const listedPreview = z.object({
  label,
  environment: label,
  service: label,
  port: z.int().min(1).max(65535),
  key: label,
  access: z.string().max(64),
  protocol: z.enum(PREVIEW_PROTOCOLS).optional(),
})
export type ListedPreview = z.infer<typeof listedPreview>

/** The first message of a connection. The coordinator answers with a snapshot. */
const hello = z.object({ type: z.literal('hello') })

/** The worker serves the table of this epoch. */
const ack = z.object({ type: z.literal('ack'), epoch })

/** What the worker is. It follows `hello`, and each change. */
const facts = z.object({
  type: z.literal('facts'),
  facts: workerFacts,
  /** SHA-256 of the token with which this worker connects to others. It changes with each start of the worker. */
  peerHash: hash,
  /** The ids of the credentials with which clusters may connect. */
  credentials: z.array(id).max(10_000),
  /** The clusters that have a link to this worker now (`<credential> <name>`). */
  clusters: z.array(z.string().regex(/^[!-~]{1,128} [!-~]{1,63}$/, '<credential> <name>')).max(10_000),
})

/** Every few seconds. `draining` and `drained`: the worker takes no new connections, and has no more of them. */
const heartbeat = z.object({
  type: z.literal('heartbeat'),
  load,
  state: z.enum(['serving', 'draining', 'drained']),
})

/**
 * The previews that the links of one cluster list at this worker. The first message about a cluster in a connection
 * names all of its previews. Until a message without `more`, the list is not complete. `settled`: every link of the
 * cluster has listed all its previews, so that a label that is not listed is given up.
 */
const listing = z.object({
  type: z.literal('listing'),
  credential: id,
  cluster: label,
  upsert: z.array(listedPreview).max(LISTING_PAGE),
  remove: z.array(label).max(LISTING_PAGE),
  more: z.boolean().optional(),
  settled: z.boolean(),
})

/** The last link of a cluster to this worker has ended. */
const unlisted = z.object({ type: z.literal('unlisted'), credential: id, cluster: label })

/** Circuits that the worker cannot serve although they are in its table, or can serve again (no reason). */
const circuits = z.object({
  type: z.literal('circuits'),
  circuits: z.array(z.object({ id, version: z.int(), reason: sentence.optional() })).max(REPORT_PAGE),
})

/** Changes of targets' health. */
const targets = z.object({
  type: z.literal('targets'),
  targets: z
    .array(
      z.object({
        circuit: id,
        target: id,
        status: z.enum(TARGET_STATES),
        reason: sentence.optional(),
        sinceMs: timeMs,
      }),
    )
    .max(REPORT_PAGE),
})

/** Use since the last report. `open` counts the connections, WebSockets and streams that are open now. */
const usage = z.object({
  type: z.literal('usage'),
  circuits: z
    .array(
      z.object({
        id,
        requests: z.int().min(0).max(1_000_000_000_000),
        open: count,
        lastAccessMs: timeMs.optional(),
      }),
    )
    .max(REPORT_PAGE),
})

/**
 * Exchanges a one-time code for a session. `hash` is the SHA-256 of the cookie that the worker sets if the exchange
 * succeeds. `request` is the number that the answer repeats.
 */
const redeem = z.object({
  type: z.literal('redeem'),
  request: z.int().min(0),
  code: z.string().max(256),
  host: z.string().max(253),
  hash,
})

/** A browser has left a circuit: its session, by the hash of its cookie, ends everywhere. */
const leave = z.object({ type: z.literal('leave'), hash })

/** The worker stops in order, and will not return by itself. */
const bye = z.object({ type: z.literal('bye'), reason: sentence })

/** A message of a worker. `hello` comes first. */
export const workerMessage = z.discriminatedUnion('type', [
  hello,
  ack,
  facts,
  heartbeat,
  listing,
  unlisted,
  circuits,
  targets,
  usage,
  redeem,
  leave,
  bye,
])
export type WorkerMessage = z.infer<typeof workerMessage>
/** What a worker sends apart from what every subscriber of a pushed table does. */
export type WorkerReport = Exclude<WorkerMessage, { type: 'hello' | 'ack' }>

/** The result for a listed label: the URL at which visitors reach it, or a sentence that says why not. */
export interface PreviewResult {
  readonly label: string
  readonly url?: string
  readonly refusal?: string
}

/** A message of a coordinator, apart from those of the table. A worker ignores types that it does not know. */
export type CoordinatorNotice =
  /** Results for a cluster's labels. They follow the table that contains the accepted ones. */
  | {
      readonly type: 'previews'
      readonly credential: string
      readonly cluster: string
      readonly results: readonly PreviewResult[]
    }
  /** The answer to `redeem`: the new session, which the next table also contains, or why there is none. */
  | {
      readonly type: 'redeemed'
      readonly request: number
      readonly session?: DeployedSession
      readonly refusal?: string
    }
  /** What operators want of the worker. */
  | { readonly type: 'state'; readonly state: 'ready' | 'cordoned' | 'draining'; readonly reason?: string }
  /** The worker has been removed: it ends, and does not connect again. */
  | { readonly type: 'shutdown'; readonly reason: string }

export type CoordinatorMessage = SnapshotMessage | DeltaMessage | CoordinatorNotice
