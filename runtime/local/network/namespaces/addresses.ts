/**
 * The addresses inside. They are those that kind uses, but only the pods' own network has them, so they conflict with
 * nothing.
 */
const POD_BLOCK = '10.244'
const CALL_BLOCK = '10.245'
const SERVICE_BLOCK = '10.96'

/** The node: the other end of every pod's cable, and the source of its own connections. */
export const NODE_ADDRESS = `${POD_BLOCK}.0.1`
/** The blocks whose addresses all belong to the node. */
export const NODE_BLOCKS = [`${CALL_BLOCK}.0.0/16`, `${SERVICE_BLOCK}.0.0/16`]
export const DNS_ADDRESS = `${SERVICE_BLOCK}.0.10`
/** The address and the port of the proxy that leads out. */
export const PROXY = { host: `${SERVICE_BLOCK}.0.11`, port: 3128 }
/** The first addresses of Services are for the node's own. */
const FIRST_SERVICE = 256
const FIRST_POD = 2
const LAST = 65_534

export const podAddress = (index: number): string => `${POD_BLOCK}.${index >> 8}.${index & 255}`

/** The hardware address of a pod follows from its address, so that no neighbour remembers a wrong one. */
export const hardwareAddress = (index: number): string => `02:00:0a:f4:${hex(index >> 8)}:${hex(index & 255)}`

const hex = (byte: number): string => byte.toString(16).padStart(2, '0')

/**
 * The address from which the node calls Services for a pod. A connection to a Service ends at the node, and continues
 * from this address, so that its receiver knows the pod. Undefined if the client is not a pod.
 */
export function callAddress(client: string | undefined): string | undefined {
  const [, block, rest] = /^(?:::ffff:)?(10\.24[45])\.(\d+\.\d+)$/.exec(client ?? '') ?? []
  return rest === undefined || `${block}.${rest}` === NODE_ADDRESS ? undefined : `${CALL_BLOCK}.${rest}`
}

/** The address of the pod that calls from an address. */
export const callerOf = (address: string): string =>
  address.replace(/^(?:::ffff:)?10\.245\./, `${POD_BLOCK}.`)

/** Whether an address is inside. Every other address and name leads out. */
export const isInside = (host: string): boolean => /^10\.(?:244|245|96)\.\d+\.\d+$/.test(host)

/** Numbers in turn, from those that are free. A released one is reused as late as possible. */
export class Pool {
  readonly #first: number
  readonly #taken = new Set<number>()
  #next = 0

  constructor(use: 'pod' | 'service') {
    this.#first = use === 'pod' ? FIRST_POD : FIRST_SERVICE
  }

  /** A free number, or undefined if there is none. */
  take(): number | undefined {
    const size = LAST - this.#first + 1
    for (let tried = 0; tried < size; tried++) {
      const number = this.#first + (this.#next++ % size)
      if (this.#taken.has(number)) continue
      this.#taken.add(number)
      return number
    }
    return undefined
  }

  release(number: number): void {
    this.#taken.delete(number)
  }
}

export const serviceAddress = (index: number): string => `${SERVICE_BLOCK}.${index >> 8}.${index & 255}`
