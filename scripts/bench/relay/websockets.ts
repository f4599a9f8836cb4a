import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { PREVIEW_HOST } from '../contenders/relay.ts'
import { type Running, usage } from '../processes.ts'

/** WebSockets that are opened at the same time. */
const BATCH = 50
/** WebSockets of one address: below the relay's limit of requests per address. */
const PER_ADDRESS = 200
/** A WebSocket that is not open by then counts as refused. */
const OPEN_MS = 10_000
/** Time for collectors to settle before memory is read. */
const SETTLE_MS = 1_000
const UPGRADE =
  `GET /socket HTTP/1.1\r\nhost: ${PREVIEW_HOST}\r\nconnection: upgrade\r\nupgrade: websocket\r\n` +
  'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

/** What idle WebSockets cost. */
export interface IdleWebSockets {
  readonly open: number
  readonly beforeMb: number
  readonly afterMb: number
  /** Memory of all processes of the path for one WebSocket. */
  readonly kibEach: number
}

/** Opens idle WebSockets through a contender, and reads its memory before and after. */
export async function measureIdle({ port, pids }: Running, count: number): Promise<IdleWebSockets> {
  const beforeMb = (await usage(pids)).rssMb
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const batch = Math.min(BATCH, count - sockets.length)
    const first = sockets.length
    sockets.push(
      ...(await Promise.all(Array.from({ length: batch }, (_, index) => open(port, first + index)))),
    )
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  const afterMb = (await usage(pids)).rssMb
  const opened = sockets.filter(({ destroyed }) => !destroyed).length
  for (const socket of sockets) socket.destroy()
  return { open: opened, beforeMb, afterMb, kibEach: ((afterMb - beforeMb) * 1024) / Math.max(1, opened) }
}

async function open(port: number, index: number): Promise<Socket> {
  const localAddress = `127.0.${1 + (Math.floor(index / PER_ADDRESS) >> 8)}.${1 + (Math.floor(index / PER_ADDRESS) & 255)}`
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => {})
  const timer = setTimeout(() => socket.destroy(), OPEN_MS)
  socket.write(UPGRADE)
  const [data] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [unknown]
  clearTimeout(timer)
  if (!Buffer.isBuffer(data) || !data.toString('latin1').startsWith('HTTP/1.1 101')) socket.destroy()
  return socket
}
