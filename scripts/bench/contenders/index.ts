import type { Contender } from './contender.ts'
import { haproxy, haproxyTcp, haproxyTwice } from './haproxy.ts'
import { httpProxy3 } from './http-proxy-3.ts'
import { nginx, nginxGrpc, nginxStream } from './nginx.ts'
import { relayAndGateway } from './relay.ts'
import { sidecar } from './sidecar.ts'

/** Connections that stay open in `idle`. */
export const IDLE_CONNECTIONS = 10_000
/** A few more than that, for those that ask whether the sidecar is ready. */
const ROOM = IDLE_CONNECTIONS + 100

const withRoutes = (routes: number): Contender => sidecar({ routes }, `${routes.toLocaleString('en')} routes`)

/** Who takes part in which benchmark: the one place that says so. */
export const CONTENDERS = {
  hop: [sidecar(), nginx, haproxy, httpProxy3],
  http2: [sidecar({ protocol: 'grpc' }), nginxGrpc],
  websocket: [sidecar(), nginx, haproxy],
  tcp: [sidecar({ protocol: 'tcp' }), haproxyTcp, nginxStream],
  tunnel: [relayAndGateway, haproxyTcp, haproxyTwice],
  // The first one is what the others are compared with.
  table: [withRoutes(1), withRoutes(1_000), withRoutes(100_000)],
  idle: [sidecar({ connections: ROOM }), nginx, haproxy],
} as const satisfies Readonly<Record<string, readonly Contender[]>>
