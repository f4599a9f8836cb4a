import { readFileSync } from 'node:fs'

const LISTEN = '0A'
const WILDCARDS = new Set(['00000000', '00000000000000000000000000000000'])
/** 127.0.0.1 in the form of proc(5) on little-endian machines. */
const LOCALHOST = '0100007F'

/** Whether processes of this machine listen on a port of all addresses, or of 127.0.0.1. */
export interface Listeners {
  readonly wildcard: boolean
  readonly localhost: boolean
}

/** The listeners on a port, from the text of /proc/net/tcp and tcp6 (proc(5)). */
export function parseListeners(text: string, port: number): Listeners {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  const addresses = new Set<string>()
  for (const line of text.split('\n')) {
    const [, local, , state] = line.trim().split(/\s+/)
    const [address, number] = local?.split(':') ?? []
    if (state === LISTEN && number === wanted && address !== undefined) addresses.add(address)
  }
  return {
    wildcard: [...addresses].some((address) => WILDCARDS.has(address)),
    localhost: addresses.has(LOCALHOST),
  }
}

/** The listeners on a port of this machine. Without /proc it reports none. */
export function listenersAt(port: number): Listeners {
  let text = ''
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    try {
      text += readFileSync(file, 'utf8')
    } catch {
      // Not Linux, or no IPv6.
    }
  }
  return parseListeners(text, port)
}
