import { parse, printable } from './parse.ts'

/** The subprotocol between `branchline circuit forward` and a worker of a relay. Its frames are those of the tunnel. */
export const FORWARD_SUBPROTOCOL = 'branchline.forward.v1'

/** The target of a stream: the circuit of the link, by its key. */
export interface ForwardTarget {
  readonly circuit: string
}

/** The longest key of a circuit, in characters. */
const MAX_KEY = 200

/** Parses the OPEN frame of a client; throws a {@link TunnelProtocolError}. */
export const parseForwardTarget = (payload: Uint8Array): ForwardTarget =>
  parse('a client’s OPEN', payload, (from) => ({ circuit: printable(MAX_KEY)(from.at('circuit')) }))
