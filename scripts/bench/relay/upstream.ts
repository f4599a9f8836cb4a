import { createServer, type Socket } from 'node:net'

/**
 * The app behind previews. It responds to `/100` and `/65536` with so many bytes, to `/bulk` without end, and accepts
 * any WebSocket, which then stays idle.
 */
const sized = (bytes: number): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`,
  )
const RESPONSES = new Map([
  ['/100', sized(100)],
  ['/65536', sized(65_536)],
])
const ENDLESS = `HTTP/1.1 200 OK\r\ncontent-length: ${1e15 - 1}\r\n\r\n`
const BLOCK = Buffer.alloc(64 * 1024, 'x')
// RFC 6455, 1.3: the accept value of its sample key.
const SWITCHED =
  'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n' +
  'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'

/** The clients do not pipeline, so each read that ends a head is a request. */
function respond(socket: Socket, data: Buffer): void {
  const head = data.toString('latin1')
  const path = head.slice(head.indexOf(' ') + 1, head.indexOf(' ', head.indexOf(' ') + 1))
  if (/\r\nupgrade: websocket\r\n/i.test(head)) return void socket.write(SWITCHED)
  if (path !== '/bulk') return void socket.write(RESPONSES.get(path) ?? sized(0))
  const send = (): void => {
    while (socket.write(BLOCK));
  }
  socket.write(ENDLESS)
  socket.on('drain', send)
  send()
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  socket.on('data', (data) => respond(socket, data))
})
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('ready\n'))
