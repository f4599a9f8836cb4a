import type { IncomingMessage } from 'node:http'
import { type Duplex, duplexPair } from 'node:stream'
import { FORWARD_SUBPROTOCOL } from '@branchline/wire/tunnel/forward'
import { MAX_TUNNEL_MESSAGE } from '@branchline/wire/tunnel/limits'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Head } from '../../../proxy/head.ts'
import { DuplexTransport } from '../../../transport/duplex-transport.ts'
import type { Transport } from '../../../transport/transport.ts'

/** Fields of a handshake (RFC 6455, 4.1). */
const FIELDS = [
  'upgrade',
  'connection',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
]

/** Whether a request asks for a WebSocket of {@link FORWARD_SUBPROTOCOL}. */
export function isHandshake(head: Head): boolean {
  const protocols = head
    .get('sec-websocket-protocol')
    ?.split(',')
    .map((name) => name.trim())
  return (
    head.method === 'GET' &&
    head.get('upgrade')?.toLowerCase() === 'websocket' &&
    protocols?.includes(FORWARD_SUBPROTOCOL) === true
  )
}

/** Receives the events of one handshake. */
export interface HandshakeEvents {
  readonly onSocket: (socket: WebSocket) => void
  readonly onEnd: () => void
}

/** Answers handshakes within this process: the HTTP engine forwards the upgrade to a transport that ends here. */
export class Handshakes {
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_TUNNEL_MESSAGE,
    skipUTF8Validation: true,
    handleProtocols: () => FORWARD_SUBPROTOCOL,
  })

  /** Returns what the engine connects to. `onSocket` gets the WebSocket, and `onEnd` is called once it is over. */
  dial(head: Head, headMs: number, { onSocket, onEnd }: HandshakeEvents): Transport {
    const [outer, inner] = duplexPair()
    // A pair does not pass on the end of one side.
    outer.once('close', () => inner.destroy())
    inner.once('close', () => outer.destroy())
    inner.on('error', () => inner.destroy())
    const timer = setTimeout(() => inner.destroy(), headMs)
    inner.once('close', () => {
      clearTimeout(timer)
      onEnd()
    })
    afterHead(inner, (rest) => {
      clearTimeout(timer)
      const headers = Object.fromEntries(FIELDS.map((name) => [name, head.get(name)]))
      // All that ws reads of a request. The engine has removed the hop-by-hop fields and written its own.
      const request = { method: 'GET', url: '/', headers: { ...headers, upgrade: 'websocket' } } as unknown
      this.#server.handleUpgrade(request as IncomingMessage, inner, rest, onSocket)
    })
    return new DuplexTransport(outer)
  }
}

/** The largest head that the engine writes. */
const MAX_HEAD = 256 * 1024

/** Reads up to the end of the head, which the engine has written, and calls back with what follows. */
function afterHead(stream: Duplex, done: (rest: Buffer) => void): void {
  let text = Buffer.alloc(0)
  const onData = (data: Buffer): void => {
    text = Buffer.concat([text, data])
    const end = text.indexOf('\r\n\r\n')
    if (end === -1) {
      if (text.length > MAX_HEAD) stream.destroy()
      return
    }
    stream.off('data', onData)
    stream.pause()
    done(text.subarray(end + 4))
    stream.resume()
  }
  stream.on('data', onData)
}
