import type { Client } from '../proxy/decision.ts'
import type { Transport } from '../transport/transport.ts'
import type { BodyFramer } from './message/body.ts'

/** What an exchange needs of the client connection that its request came from. */
export interface ExchangeClient extends Client {
  readonly transport: Transport
  readonly body: BodyFramer
  deadline: number
  /** True once the client has ended its direction. */
  readonly ended: boolean
  /** True if no further request can come from this client. */
  readonly ending: boolean
  /** The exchange is over, and the next request may come. */
  next(): void
  /** Continues with the kept bytes, then with what arrives. */
  proceed(): void
  /** Accepts no more requests: sends our end and gives the client time to read and close. */
  linger(): void
  /** Ends the connection now. */
  cut(): void
  /** Hands the transport over to a pipe. Returns the kept bytes. */
  handOver(): Buffer | undefined
  /** The pipe is over. */
  left(): void
}
