import { z } from 'zod'
import { hop, traceId } from './hop.ts'
import { isKey } from '../key.ts'
import { ON_UNAVAILABLE } from './protocol.ts'
import { missed, tcpHop, traffic } from './traffic.ts'
import { MAX_WEIGHT } from '../weight.ts'

export { MAX_ROUTES_MESSAGE, ON_UNAVAILABLE, type OnUnavailable, ROUTES_SUBPROTOCOL } from './protocol.ts'

const key = z.string().refine(isKey, 'not a routing key')
const port = z.number().int().min(1).max(65535)

/** Why a service has no ready endpoint, for people to read: words that follow its name. One line. */
const trouble = z.string().max(1_000).optional()

/**
 * The endpoints of a service in an environment, each `address:port` (IPv6 in brackets). `weights` lists the endpoints
 * whose weight is not 1. An endpoint of weight 0 gets requests only if there is no other endpoint.
 */
const target = z.object({
  environment: z.string(),
  endpoints: z.array(z.string()),
  weights: z.record(z.string(), z.number().int().min(0).max(MAX_WEIGHT)).optional(),
  onUnavailable: z.enum(ON_UNAVAILABLE),
  trouble,
})
export type Target = z.infer<typeof target>

/**
 * The routes of one listener of a sidecar. A key in `routes` goes to its target. A key that is not in `routes` is served
 * locally on a root environment (without `base`). On a branch it is served locally if `own` contains it (the branch's
 * key and those of its descendants), and otherwise goes to `base`. A request without a key is served locally.
 * `onUnavailable` is the rule for requests whose app in this pod is gone, if there is a `base`. Default: `baseline`.
 * `trouble` concerns the service in the pod's own environment.
 */
const listener = z.object({
  service: z.string(),
  routes: z.record(key, target),
  own: z.array(key),
  base: target.optional(),
  onUnavailable: z.enum(ON_UNAVAILABLE).optional(),
  trouble,
})
export type ListenerRoutes = z.infer<typeof listener>

/** The table of one sidecar. `callers` maps the address of a branch's pod to the branch's key. */
const table = z.object({
  epoch: z.number().int().nonnegative(),
  environment: z.string(),
  listeners: z.record(z.string(), listener),
  callers: z.record(z.string(), key),
})
export type RouteTable = z.infer<typeof table>

/** A message from the manager. A delta applies only to the table of epoch `from`. `null` removes an entry. */
export const managerMessage = z.discriminatedUnion('type', [
  /**
   * `explains`: this manager accepts `hop` and responds to `hops`. `observes`: it accepts `traffic`. Without them, a
   * sidecar must not send these messages.
   */
  z.object({
    type: z.literal('snapshot'),
    table,
    explains: z.boolean().optional(),
    observes: z.boolean().optional(),
  }),
  /**
   * The response to `hops`: the reported hops of a trace that the manager still has, the overrides that it did not
   * reach, and the known TCP connections of the services on its path.
   */
  z.object({
    type: z.literal('hops'),
    trace: traceId,
    hops: z.array(hop),
    missed: z.array(missed).optional(),
    tcp: z.array(tcpHop).optional(),
  }),
  z.object({
    type: z.literal('delta'),
    from: z.number().int().nonnegative(),
    epoch: z.number().int().nonnegative(),
    listeners: z.record(
      z.string(),
      z
        .object({
          service: z.string(),
          routes: z.record(key, target.nullable()),
          own: z.array(key).optional(),
          base: target.nullable().optional(),
          onUnavailable: z.enum(ON_UNAVAILABLE).optional(),
          trouble: z.string().max(1_000).nullable().optional(),
        })
        .nullable(),
    ),
    callers: z.record(z.string(), key.nullable()),
  }),
])
export type ManagerMessage = z.infer<typeof managerMessage>
export type RouteDelta = Extract<ManagerMessage, { type: 'delta' }>

/** A message from a sidecar: one `hello` first, then an acknowledgement of each epoch that it serves, and reports. */
export const sidecarMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), inbound: z.array(port), version: z.string() }),
  z.object({ type: z.literal('ack'), epoch: z.number().int().nonnegative() }),
  /** One hop of an explained request. */
  z.object({ type: z.literal('hop'), trace: traceId, hop }),
  /** Requests the hops of a trace. */
  z.object({ type: z.literal('hops'), trace: traceId }),
  traffic,
])
export type SidecarMessage = z.infer<typeof sidecarMessage>
