import { createServer, type Server } from 'node:net'
import { LocalError } from '../../errors.ts'

/** The port on which a run listens to reserve its block of addresses. */
const LOCK_PORT = 25099
/** The blocks 127.32.0.0/16 to 127.223.0.0/16. Others use the lower ones (for example 127.0.0.53). */
const FIRST_BLOCK = 32
const BLOCKS = 192
const POD_FROM = 1
const SERVICE_FROM = 128
const PARTS = 127

/** Addresses of 127.0.0.0/8 that no other run uses, one for each pod and each Service. */
export class Addresses {
  readonly #block: number
  readonly #lock: Server
  readonly #taken = new Set<string>()
  readonly #next = { pod: 0, service: 0 }

  /**
   * Reserves a block of 65,536 addresses by listening on its first one, so that the block is free again once the process
   * is gone, however it ends. Rejects if no block is available.
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

  /** A free address. A released one is reused as late as possible. */
  take(use: 'pod' | 'service'): string {
    const from = use === 'pod' ? POD_FROM : SERVICE_FROM
    for (let tried = 0; tried < PARTS * 254; tried++) {
      const number = this.#next[use]++ % (PARTS * 254)
      const address = `127.${this.#block}.${from + Math.floor(number / 254)}.${1 + (number % 254)}`
      if (this.#taken.has(address)) continue
      this.#taken.add(address)
      return address
    }
    throw new LocalError('BL_LOCAL_NO_ADDRESS', `more than ${PARTS * 254} addresses are in use for ${use}s`)
  }

  release(address: string): void {
    this.#taken.delete(address)
  }

  close(): void {
    this.#lock.close()
  }
}

/** Why no block of addresses is available on a platform (Node's name), and what to do. */
export function noBlockSentence(platform: string): string {
  if (platform === 'linux') {
    return (
      `none of the ${BLOCKS} blocks of loopback addresses from 127.${FIRST_BLOCK}.0.0/16 on is free: ` +
      `stop other runs (each listens on port ${LOCK_PORT} of its block), or assign 127.0.0.0/8 to lo`
    )
  }
  return (
    `the embedded cluster gives each pod its own loopback address, but this system (${platform}) has ` +
    `only 127.0.0.1: run it on Linux (a virtual machine, WSL 2 or a container is enough), ` +
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
