import { dialTcp } from '../../transport/tcp.ts'
import { IGNORE, type Transport } from '../../transport/transport.ts'
import type { Endpoint } from '@branchline/wire/endpoint'

/** A dial under way. */
export interface Reach {
  /** Gives up: neither callback follows. */
  cancel(): void
}

/** Dials endpoints one after the other, each within `connectMs`, until one takes the connection. */
export function reach(
  endpoints: readonly Endpoint[],
  connectMs: number,
  done: (transport: Transport | undefined) => void,
): Reach {
  let current: Transport | undefined
  let timer: NodeJS.Timeout | undefined
  const attempt = (index: number): void => {
    const endpoint = endpoints[index]
    if (endpoint === undefined) return done(undefined)
    const transport = dialTcp(endpoint.host, endpoint.port)
    const next = (): void => {
      clearTimeout(timer)
      transport.receiver = IGNORE
      transport.destroy()
      attempt(index + 1)
    }
    current = transport
    timer = setTimeout(next, connectMs)
    transport.receiver = {
      ...IGNORE,
      onOpen() {
        clearTimeout(timer)
        done(transport)
      },
      onClose: next,
    }
  }
  attempt(0)
  return {
    cancel() {
      clearTimeout(timer)
      if (current === undefined) return
      current.receiver = IGNORE
      current.destroy()
    },
  }
}
