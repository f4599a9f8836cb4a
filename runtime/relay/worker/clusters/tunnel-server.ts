import type { IncomingMessage } from 'node:http'
import { TUNNEL_PATH } from '@branchline/wire/names'
import { MAX_TUNNEL_MESSAGE, TUNNEL_SUBPROTOCOL } from '@branchline/wire/tunnel/limits'
import { PEER_PATH, PEER_SUBPROTOCOL } from '@branchline/wire/tunnel/peer'
import type { WebSocket } from 'ws'
import type { Logger } from '../../../process/log.ts'
import { RareLog } from '../../../process/rare-log.ts'
import {
  listenForUpgrades,
  type UpgradeDecision,
  upgradeFault,
  type UpgradeLimits,
} from '../../../process/upgrade.ts'
import { type Credential, findCredential } from './credentials.ts'

export interface TunnelServerOptions {
  readonly host: string
  readonly port: number
  readonly limits: UpgradeLimits
  readonly credentials: readonly Credential[]
  readonly logger: Logger
  /** Whether a credential may open a further connection. If not, it gets 503. */
  readonly hasRoom: (credential: Credential) => boolean
  readonly onSocket: (socket: WebSocket, credential: Credential) => void
  /** The other workers, which connect to the same port. */
  readonly peers?: PeerAcceptor
}

/** Accepts other workers. */
interface PeerAcceptor {
  /** The name of the worker whose token this is. */
  find(authorization: string | undefined): string | undefined
  accept(socket: WebSocket, name: string): void
}

export interface TunnelServer {
  readonly port: number
  /** Stops accepting, and cuts connections that have not become a WebSocket. */
  close(): Promise<void>
}

/**
 * Listens for clusters (wire/SPEC.md, 5). A connection becomes a WebSocket only after its credential has proved valid,
 * and otherwise gets 401. Rejects if the port is in use.
 */
export async function serveTunnels(options: TunnelServerOptions): Promise<TunnelServer> {
  const { host, port, limits, onSocket } = options
  const refusals = new RareLog(options.logger, 'refused a tunnel')
  const server = await listenForUpgrades({
    host,
    port,
    limits,
    webSocket: {
      clientTracking: false,
      maxPayload: MAX_TUNNEL_MESSAGE,
      skipUTF8Validation: true,
      handleProtocols: (offered) => (offered.has(PEER_SUBPROTOCOL) ? PEER_SUBPROTOCOL : TUNNEL_SUBPROTOCOL),
    },
    authorize(request) {
      if (request.url === PEER_PATH) return judgePeer(request, options.peers)
      const judged = judge(request, options)
      if (typeof judged !== 'number') return { accept: (socket) => onSocket(socket, judged) }
      refusals.add({ status: judged, from: request.socket.remoteAddress })
      return { status: judged }
    },
  })
  return {
    port: server.port,
    close() {
      const closed = server.close()
      server.cutWaiting()
      return closed
    },
  }
}

/** Decides about another worker. */
function judgePeer(request: IncomingMessage, peers: PeerAcceptor | undefined): UpgradeDecision {
  const name = peers?.find(request.headers.authorization)
  if (peers === undefined || name === undefined) return { status: 401 }
  if (upgradeFault(request, PEER_PATH, PEER_SUBPROTOCOL) !== undefined) return { status: 400 }
  return { accept: (socket) => peers.accept(socket, name) }
}

/** The credential, or the status of the refusal. The credential comes first, so that strangers learn nothing else. */
function judge(request: IncomingMessage, { credentials, hasRoom }: TunnelServerOptions): Credential | number {
  const credential = findCredential(credentials, request.headers.authorization)
  if (credential === undefined) return 401
  const fault = upgradeFault(request, TUNNEL_PATH, TUNNEL_SUBPROTOCOL)
  if (fault !== undefined) return fault === 'path' ? 404 : 400
  return hasRoom(credential) ? credential : 503
}
