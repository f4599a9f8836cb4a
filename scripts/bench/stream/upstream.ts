import { createServer, type Socket } from 'node:net'

/**
 * The service behind streams. `websocket` accepts any upgrade and echoes frames unchanged. `bulk` sends data to every
 * client as fast as it reads. `visits` responds to HTTP requests with 100 bytes, and to `/bulk` without end.
 */
const [port, kind] = process.argv.slice(2)
const SMALL = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\n${'x'.repeat(100)}`
const BLOCK = Buffer.alloc(64 * 1024, 'x')

/** Responds to each read that ends a head. The clients do not pipeline. */
function answer(socket: Socket): void {
  const send = (): void => {
    while (socket.write(BLOCK));
  }
  socket.on('data', (data) => {
    if (!data.includes('/bulk')) {
      socket.write(SMALL)
      return
    }
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${1e15 - 1}\r\n\r\n`)
    socket.on('drain', send)
    send()
  })
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  if (kind === 'bulk') {
    const send = (): void => {
      while (socket.write(BLOCK));
    }
    socket.on('drain', send)
    return send()
  }
  if (kind === 'visits') return answer(socket)
  socket.once('data', () => {
    // RFC 6455, 1.3: the accept value of its sample key, which HAProxy checks.
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n' +
        'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
    )
    socket.on('data', (data) => socket.write(data))
  })
})
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'))
