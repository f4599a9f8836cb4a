import type { ResetCode } from '@branchline/wire/tunnel/limits'

/** Why a stream ended early: the code that the peer sent, or `lost` if the link broke. */
export type StreamFault = ResetCode | 'lost'

/** A stream that was reset, or whose link is gone. Branch on `fault`. `code` is the same for logs. */
export class TunnelStreamError extends Error {
  readonly code: string
  readonly fault: StreamFault
  constructor(fault: StreamFault, message: string) {
    super(message)
    this.name = 'TunnelStreamError'
    this.fault = fault
    this.code = `BL_TUNNEL_${fault.toUpperCase()}`
  }
}

/** A link that ended or could not be opened. The same call may work later. */
export class TunnelLinkError extends Error {
  readonly code = 'BL_TUNNEL_LINK'
  /** The WebSocket's close code, or the status of the refused upgrade; undefined if there was neither. */
  readonly status: number | undefined
  constructor(message: string, status?: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'TunnelLinkError'
    this.status = status
  }
}
