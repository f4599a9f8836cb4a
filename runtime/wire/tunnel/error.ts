import type { CloseReason } from './limits.ts'

/** A violation of the protocol by the peer. The connection closes with the code of `reason`. */
export class TunnelProtocolError extends Error {
  readonly code = 'BL_TUNNEL_PROTOCOL'
  readonly reason: CloseReason
  constructor(reason: CloseReason, message: string) {
    super(message)
    this.name = 'TunnelProtocolError'
    this.reason = reason
  }
}
