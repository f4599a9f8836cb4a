import type { Contender } from './contender.ts'
import { haproxy, haproxyTcp, haproxyTwice } from './haproxy.ts'
import { httpProxy3 } from './http-proxy-3.ts'
import { nginx, nginxGrpc, nginxStream } from './nginx.ts'
import { PREVIEW_PATH, previewPath } from './preview.ts'
import { RELAY_AND_GATEWAY, relayAndGateway } from './relay.ts'
import { BEFORE, OURS, sidecar } from './sidecar.ts'
import { traefik } from './traefik.ts'

/** Connections that stay open in `idle`. */
export const IDLE_CONNECTIONS = 10_000
/** A few more connections, for requests to the readiness endpoint. */
const ROOM = IDLE_CONNECTIONS + 100

const withRoutes = (routes: number): Contender => sidecar({ routes }, `${routes.toLocaleString('en')} routes`)

const BENCHMARKS = {
  hop: [sidecar(), nginx, haproxy, httpProxy3],
  http2: [sidecar({ protocol: 'grpc' }), nginxGrpc],
  websocket: [sidecar(), nginx, haproxy],
  tcp: [sidecar({ protocol: 'tcp' }), haproxyTcp, nginxStream],
  tunnel: [relayAndGateway(), haproxyTcp, haproxyTwice],
  relay: [previewPath(), traefik],
  // The others are compared with the first one.
  table: [withRoutes(1), withRoutes(1_000), withRoutes(100_000)],
  idle: [sidecar({ connections: ROOM }), nginx, haproxy],
} as const satisfies Readonly<Record<string, readonly Contender[]>>

/** The same product, from another checkout. */
const EARLIER: Readonly<Partial<Record<keyof typeof BENCHMARKS, (checkout: string) => Contender>>> = {
  hop: (checkout) => sidecar({ checkout }, OURS + BEFORE),
  http2: (checkout) => sidecar({ protocol: 'grpc', checkout }, OURS + BEFORE),
  websocket: (checkout) => sidecar({ checkout }, OURS + BEFORE),
  tcp: (checkout) => sidecar({ protocol: 'tcp', checkout }, OURS + BEFORE),
  tunnel: (checkout) => relayAndGateway(RELAY_AND_GATEWAY + BEFORE, checkout),
  relay: (checkout) => previewPath(PREVIEW_PATH + BEFORE, checkout),
}

/** Returns the contenders of a benchmark. With `against`, another checkout takes part too. */
export function contendersOf(name: keyof typeof BENCHMARKS, against?: string): readonly Contender[] {
  const earlier = against === undefined ? undefined : EARLIER[name]?.(against)
  return earlier === undefined ? BENCHMARKS[name] : [...BENCHMARKS[name], earlier]
}
