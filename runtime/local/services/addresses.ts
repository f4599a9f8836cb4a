import { createServer, type Server } from 'node:net'
import { LocalError } from '../errors.ts'

/** The port at which a run holds its block of addresses; nobody else is to listen there. */
const LOCK_PORT = 25099
/** Blocks 127.32.0.0/16 to 127.223.0.0/16; low ones are used by others (127.0.0.53 and the like). */
const FIRST_BLOCK = 32
const BLOCKS = 192
const POD_FROM = 1
const SERVICE_FROM = 128
const PARTS = 127

/** Addresses out of 127.0.0.0/8 that no other run uses, one for each pod and each Service. */
export class Addresses {
  readonly #block: number
  readonly #lock: Server
  readonly #taken = new Set<string>()
  readonly #next = { pod: 0, service: 0 }

  /**
   * Takes a block of 65,536 addresses by listening at its first one, so that it is free again once the
   * process is gone, however it ends. Rejects where this machine has none of them.
   */
  static async open(): Promise<Addresses> {
    for (let tried = 0; tried < BLOCKS; tried++) {
      const block = FIRST_BLOCK + ((process.pid + tried) % BLOCKS)
      const lock = await listen(`127.${block}.0.1`)
      if (lock !== undefined) return new Addresses(block, lock)
    }
    throw new LocalError('BL_LOCAL_NO_ADDRESS', noBlockSentence(process.platform))
  }

  private constructor(block: number, lock: Server) {
    this.#block = block
    this.#lock = lock
  }

  /** An address that no pod and no Service has; a released one comes again as late as can be. */
  take(use: 'pod' | 'service'): string {
    const from = use === 'pod' ? POD_FROM : SERVICE_FROM
    for (let tried = 0; tried < PARTS * 254; tried++) {
      const number = this.#next[use]++ % (PARTS * 254)
      const address = `127.${this.#block}.${from + Math.floor(number / 254)}.${1 + (number % 254)}`
      if (this.#taken.has(address)) continue
      this.#taken.add(address)
      return address
    }
    throw new LocalError('BL_LOCAL_NO_ADDRESS', `more than ${PARTS * 254} addresses for one ${use} each`)
  }

  release(address: string): void {
    this.#taken.delete(address)
  }

  close(): void {
    this.#lock.close()
  }
}

/** Why no block of addresses could be had on a platform (as Node names it), and what to do. */
export function noBlockSentence(platform: string): string {
  if (platform === 'linux') {
    return (
      `none of the ${BLOCKS} blocks of loopback addresses from 127.${FIRST_BLOCK}.0.0/16 on is free: ` +
      `end other runs (each listens at port ${LOCK_PORT} of its block), or let 127.0.0.0/8 be on lo`
    )
  }
  return (
    `the embedded cluster gives each pod a loopback address of its own, and this system (${platform}) has ` +
    `127.0.0.1 alone: run it on Linux, where a virtual machine, WSL 2 or a container will do, ` +
    `or on a cluster such as kind`
  )
}

function listen(host: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', () => resolve(undefined))
    server.listen({ host, port: LOCK_PORT, exclusive: true }, () => {
      server.unref()
      resolve(server)
    })
  })
}
