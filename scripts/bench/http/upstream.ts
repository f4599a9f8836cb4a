import { createServer } from 'node:net'

/**
 * The service behind every contender. It sends a prepared response for each request head, by the path (`/100`, `/65536`,
 * `/chunked`). It does as little work as possible, so that the benchmark measures the proxy.
 */
const body = (bytes: number): Buffer => Buffer.alloc(bytes, 'x')
const sized = (bytes: number): Buffer =>
  Buffer.concat([
    Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${bytes}\r\n\r\n`),
    body(bytes),
  ])
const CHUNKS = 16
const CHUNK = 1024
const chunked = Buffer.concat([
  Buffer.from('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n'),
  ...Array.from({ length: CHUNKS }, () =>
    Buffer.concat([Buffer.from(`${CHUNK.toString(16)}\r\n`), body(CHUNK), Buffer.from('\r\n')]),
  ),
  Buffer.from('0\r\n\r\n'),
])
const RESPONSES = new Map([
  ['/100', sized(100)],
  ['/65536', sized(65_536)],
  ['/chunked', chunked],
])
const END_OF_HEAD = '\r\n\r\n'

const server = createServer({ noDelay: true }, (socket) => {
  let text = ''
  socket.on('data', (data) => {
    text += data.toString('latin1')
    for (let end = text.indexOf(END_OF_HEAD); end !== -1; end = text.indexOf(END_OF_HEAD)) {
      const path = text.slice(text.indexOf(' ') + 1, text.indexOf(' ', text.indexOf(' ') + 1))
      socket.write(RESPONSES.get(path) ?? sized(0))
      text = text.slice(end + END_OF_HEAD.length)
    }
  })
  socket.on('error', () => socket.destroy())
})
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('ready\n'))
