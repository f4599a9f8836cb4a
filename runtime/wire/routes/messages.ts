import { z } from 'zod'
import { hop, traceId } from './hop.ts'
import { isKey } from '../key.ts'
import { ON_UNAVAILABLE } from './protocol.ts'
import { MAX_WEIGHT } from '../weight.ts'

export { MAX_ROUTES_MESSAGE, ON_UNAVAILABLE, type OnUnavailable, ROUTES_SUBPROTOCOL } from './protocol.ts'

const key = z.string().refine(isKey, 'not a routing key')
const port = z.number().int().min(1).max(65535)

/**
 * Where requests go: an environment's endpoints of a service, each `address:port` (IPv6 in brackets). `weights`
 * has those endpoints' whose weight is not 1; with 0 one is asked only where no other is there.
 */
const target = z.object({
  environment: z.string(),
  endpoints: z.array(z.string()),
  weights: z.record(z.string(), z.number().int().min(0).max(MAX_WEIGHT)).optional(),
  onUnavailable: z.enum(ON_UNAVAILABLE),
})
export type Target = z.infer<typeof target>

/**
 * What one listener of a sidecar does with a request. `routes` names the keys that go elsewhere. A key that
 * is not there: on a root environment (no `base`) it is served locally; on a branch it is served locally
 * where `own` holds it (the branch's key and those of its descendants), and goes to `base` otherwise. A
 * request without a key is served locally. `onUnavailable` is the rule of the listener's own environment: what
 * becomes of requests whose app in this pod is gone, where there is a `base`. Without it: `baseline`.
 */
const listener = z.object({
  service: z.string(),
  routes: z.record(key, target),
  own: z.array(key),
  base: target.optional(),
  onUnavailable: z.enum(ON_UNAVAILABLE).optional(),
})
export type ListenerRoutes = z.infer<typeof listener>

/** The whole table of one sidecar. `callers` maps the address of a branch's pod to the branch's key. */
const table = z.object({
  epoch: z.number().int().nonnegative(),
  environment: z.string(),
  listeners: z.record(z.string(), listener),
  callers: z.record(z.string(), key),
})
export type RouteTable = z.infer<typeof table>

/** From the manager. A delta applies to the table of epoch `from` alone; `null` removes an entry. */
export const managerMessage = z.discriminatedUnion('type', [
  /** `explains`: this manager takes `hop` and answers `hops`; without it, neither may be sent. */
  z.object({ type: z.literal('snapshot'), table, explains: z.boolean().optional() }),
  /** The answer to `hops`: what sidecars have reported of a trace, as far as it is remembered. */
  z.object({ type: z.literal('hops'), trace: traceId, hops: z.array(hop) }),
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
        })
        .nullable(),
    ),
    callers: z.record(z.string(), key.nullable()),
  }),
])
export type ManagerMessage = z.infer<typeof managerMessage>
export type RouteDelta = Extract<ManagerMessage, { type: 'delta' }>

/** From a sidecar: who it is, once and first; then an acknowledgement of each epoch that it serves. Hops as asked. */
export const sidecarMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), inbound: z.array(port), version: z.string() }),
  z.object({ type: z.literal('ack'), epoch: z.number().int().nonnegative() }),
  /** One hop of a request that wanted to know its way. */
  z.object({ type: z.literal('hop'), trace: traceId, hop }),
  /** Asks for the hops of a trace. */
  z.object({ type: z.literal('hops'), trace: traceId }),
])
export type SidecarMessage = z.infer<typeof sidecarMessage>
