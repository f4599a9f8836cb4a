import { connect } from 'node:net'

/**
 * The load of streams, on its own core. `websocket` sends one message per connection, and the next one after its echo.
 * `bulk` reads everything that it receives, and `download` requests it by HTTP. Prints what arrived in the given number of
 * seconds, after a warm-up of one second.
 */
const [kind, port, connections, seconds] = process.argv.slice(2) as [string, string, string, string]
const MESSAGE_OCTETS = 100
// RFC 6455, 5.2: a text frame with a mask of zero.
const FRAME = Buffer.concat([
  Buffer.from([0x81, 0x80 | MESSAGE_OCTETS, 0, 0, 0, 0]),
  Buffer.alloc(MESSAGE_OCTETS, 'm'),
])
const UPGRADE =
  'GET / HTTP/1.1\r\nhost: api\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n' +
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\ntracestate: branchline=alice\r\n\r\n'

let bytes = 0
let closed = 0
for (let i = 0; i < Number(connections); i++) {
  const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
  socket.on('error', () => {})
  socket.on('close', () => closed++)
  if (kind === 'bulk' || kind === 'download') {
    if (kind === 'download') socket.write('GET /bulk HTTP/1.1\r\nhost: web--alice.localhost\r\n\r\n')
    socket.on('data', (data) => (bytes += data.length))
    continue
  }
  socket.write(UPGRADE)
  socket.once('data', () => {
    let owed = FRAME.length
    socket.on('data', (data) => {
      bytes += data.length
      owed -= data.length
      if (owed > 0) return
      owed = FRAME.length
      socket.write(FRAME)
    })
    socket.write(FRAME)
  })
}
setTimeout(() => {
  bytes = 0
  const startedAt = performance.now()
  setTimeout(
    () => {
      const elapsed = (performance.now() - startedAt) / 1000
      const perSecond = kind === 'websocket' ? bytes / FRAME.length / elapsed : bytes / 1e6 / elapsed
      process.stdout.write(`${JSON.stringify({ perSecond, errors: closed })}\n`, () => process.exit())
    },
    Number(seconds) * 1000,
  )
}, 1000)
