import { createServer } from 'node:net'

/**
 * The service behind streams: `websocket` takes any upgrade and echoes frames as they are; `bulk` sends as much
 * as is taken to whoever connects.
 */
const [port, kind] = process.argv.slice(2)
const BLOCK = Buffer.alloc(64 * 1024, 'x')

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  if (kind === 'bulk') {
    const send = (): void => {
      while (socket.write(BLOCK));
    }
    socket.on('drain', send)
    return send()
  }
  socket.once('data', () => {
    // RFC 6455, 1.3: the answer to its sample key, which HAProxy checks.
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n' +
        'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
    )
    socket.on('data', (data) => socket.write(data))
  })
})
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'))
