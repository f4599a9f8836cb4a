import { LocalError } from '../errors.ts'
import { LoopbackNetwork } from './loopback/loopback.ts'
import { NamespacesNetwork, type NamespacesOptions } from './namespaces/namespaces.ts'
import type { Method, Network } from './network.ts'
import { findSandboxStrategy } from '../pods/sandbox.ts'

export interface NetworkOptions extends NamespacesOptions {
  /** Default: namespaces where the system allows them, otherwise loopback. */
  readonly method?: Method | undefined
  /** Whether pods find names by files and DNS, if the system allows it. If not, the network is on loopback. */
  readonly names: boolean
}

/** A network, and the sentence that users should read if it is not the usual one. */
export interface OpenedNetwork {
  readonly network: Network
  readonly notice?: string
}

/** Opens the network of a run. Rejects with a LocalError if the wanted method does not work on this system. */
export async function openNetwork(options: NetworkOptions): Promise<OpenedNetwork> {
  const { method, names } = options
  if (method === 'namespaces' && !names) {
    throw new LocalError(
      'BL_LOCAL_NO_NAMESPACES',
      'network namespaces need names by DNS: leave out --no-hosts, or use --network loopback',
    )
  }
  if (method === 'loopback' || !names) {
    return { network: await LoopbackNetwork.open(names ? findSandboxStrategy() : 'none') }
  }
  try {
    return { network: await NamespacesNetwork.open(options) }
  } catch (error) {
    const { message } = error as Error
    if (method === 'namespaces') throw impossible(message, error)
    return { network: await LoopbackNetwork.open(findSandboxStrategy()), notice: noticeOf(message) }
  }
}

const impossible = (reason: string, cause: unknown): LocalError =>
  new LocalError(
    'BL_LOCAL_NO_NAMESPACES',
    `network namespaces do not work on this system (${reason}): allow unprivileged user namespaces and install ` +
      'iproute2 and util-linux, or use --network loopback',
    { cause },
  )

/** One line: why, and what differs. */
const noticeOf = (reason: string): string =>
  `network: loopback addresses, because network namespaces do not work here (${reason}): apps must listen only on ` +
  '$(POD_IP), and Service ports below 1024 get other numbers unless you are root'
