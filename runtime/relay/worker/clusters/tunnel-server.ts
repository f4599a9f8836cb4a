import type { IncomingMessage } from 'node:http'
import { TUNNEL_PATH } from '@branchline/wire/names'
import { MAX_TUNNEL_MESSAGE, TUNNEL_SUBPROTOCOL } from '@branchline/wire/tunnel/limits'
import type { WebSocket } from 'ws'
import type { Logger } from '../../../process/log.ts'
import { RareLog } from '../../../process/rare-log.ts'
import { listenForUpgrades, upgradeFault, type UpgradeLimits } from '../../../process/upgrade.ts'
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
      handleProtocols: () => TUNNEL_SUBPROTOCOL,
    },
    authorize(request) {
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

/** The credential, or the status of the refusal. The credential comes first, so that strangers learn nothing else. */
function judge(request: IncomingMessage, { credentials, hasRoom }: TunnelServerOptions): Credential | number {
  const credential = findCredential(credentials, request.headers.authorization)
  if (credential === undefined) return 401
  const fault = upgradeFault(request, TUNNEL_PATH, TUNNEL_SUBPROTOCOL)
  if (fault !== undefined) return fault === 'path' ? 404 : 400
  return hasRoom(credential) ? credential : 503
}
