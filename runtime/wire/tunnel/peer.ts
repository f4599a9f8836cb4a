import { readTarget, type StreamTarget } from './control.ts'
import type { Json } from '../json.ts'
import { label, parse, printable } from './parse.ts'

/** The subprotocol between two workers of a relay. Its frames are those of the tunnel. */
export const PEER_SUBPROTOCOL = 'branchline.peer.v1'
/** The path of the WebSocket between two workers. */
export const PEER_PATH = '/peer'

/** Longest id of a credential, in characters. */
const MAX_CREDENTIAL = 128

/**
 * The target of a stream between two workers: a port of a Service in a cluster to which the other worker has a tunnel.
 * `credential` is the id of the cluster's credential. Names of clusters are unique only within a credential.
 */
export interface PeerTarget extends StreamTarget {
  readonly credential: string
  readonly cluster: string
}

/** Parses the OPEN frame of a worker; throws a {@link TunnelProtocolError}. */
export const parsePeerTarget = (payload: Uint8Array): PeerTarget => parse('a worker’s OPEN', payload, read)

const read = (from: Json): PeerTarget => ({
  credential: printable(MAX_CREDENTIAL)(from.at('credential')),
  cluster: label(from.at('cluster')),
  ...readTarget(from),
})
