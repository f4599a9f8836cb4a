import { createServer } from 'node:http2'

/** The service behind HTTP/2: 100 octets to a GET, a gRPC answer with its trailers to a POST. */
const GET = Buffer.alloc(100, 'x')
// A gRPC message: not compressed, 4 octets of length, 100 octets.
const POST = Buffer.concat([Buffer.from([0, 0, 0, 0, 100]), GET])

const server = createServer()
server.on('stream', (stream, headers) => {
  stream.on('error', () => {})
  if (headers[':method'] === 'GET') {
    stream.respond({ ':status': 200, 'content-length': 100 })
    stream.end(GET)
    return
  }
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.resume()
  stream.end(POST)
})
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('ready\n'))
