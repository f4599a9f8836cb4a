import { connect } from 'node:net'

/**
 * The load of streams, on a core of its own: `websocket` sends one message a connection and the next one when
 * it is back, `bulk` reads all it gets, and `download` asks for it by HTTP. Prints what came in so many seconds, after a second to warm up.
 */
const [kind, port, connections, seconds] = process.argv.slice(2) as [string, string, string, string]
const MESSAGE_OCTETS = 100
// RFC 6455, 5.2: a text frame, masked by zero.
const FRAME = Buffer.concat([
  Buffer.from([0x81, 0x80 | MESSAGE_OCTETS, 0, 0, 0, 0]),
  Buffer.alloc(MESSAGE_OCTETS, 'm'),
])
const UPGRADE =
  'GET / HTTP/1.1\r\nhost: api\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n' +
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\ntracestate: branchline=alice\r\n\r\n'

let octets = 0
let closed = 0
for (let i = 0; i < Number(connections); i++) {
  const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
  socket.on('error', () => {})
  socket.on('close', () => closed++)
  if (kind === 'bulk' || kind === 'download') {
    if (kind === 'download') socket.write('GET /bulk HTTP/1.1\r\nhost: web--alice.localhost\r\n\r\n')
    socket.on('data', (data) => (octets += data.length))
    continue
  }
  socket.write(UPGRADE)
  socket.once('data', () => {
    let owed = FRAME.length
    socket.on('data', (data) => {
      octets += data.length
      owed -= data.length
      if (owed > 0) return
      owed = FRAME.length
      socket.write(FRAME)
    })
    socket.write(FRAME)
  })
}
setTimeout(() => {
  octets = 0
  const startedAt = performance.now()
  setTimeout(
    () => {
      const elapsed = (performance.now() - startedAt) / 1000
      const perSecond = kind === 'websocket' ? octets / FRAME.length / elapsed : octets / 1e6 / elapsed
      process.stdout.write(`${JSON.stringify({ perSecond, errors: closed })}\n`, () => process.exit())
    },
    Number(seconds) * 1000,
  )
}, 1000)
