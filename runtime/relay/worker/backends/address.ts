import { isIPv6, type LookupFunction } from 'node:net'
import { dialTcp } from '../../../transport/tcp.ts'
import type { Transport, Upstream } from '../../../transport/transport.ts'
import type { DialPolicy } from '../../dial-policy.ts'
import { parseTargetAddress } from '../../dial-policy.ts'
import { judgingLookup, type Resolve } from './lookup.ts'

/**
 * A host and port to which circuits lead. Each dial resolves the host and judges the addresses by the policy, and it
 * connects to an address that was judged. So a name that changes its address (DNS rebinding) leads nowhere else.
 */
export class AddressUpstream implements Upstream {
  readonly key: string
  readonly #port: number
  readonly #lookup: LookupFunction

  constructor(address: string, policy: DialPolicy, resolve?: Resolve) {
    const { host, port } = parseTargetAddress(address)
    // Circuits that lead to the same host and port share their idle connections.
    this.key = isIPv6(host) ? `[${host}]:${port}` : `${host.toLowerCase()}:${port}`
    this.#port = port
    this.#lookup = judgingLookup(host, policy, resolve)
  }

  dial(): Transport {
    return dialTcp(TO_LOOK_UP, this.#port, this.#lookup)
  }
}

/** Node calls the lookup only for a name. The lookup ignores it. */
const TO_LOOK_UP = 'target.invalid'
