import { createServer } from 'node:http2'

/** The service behind HTTP/2: 100 bytes for a GET, and a gRPC response with trailers for a POST. */
const GET = Buffer.alloc(100, 'x')
// A gRPC message: not compressed, 4 bytes of length, 100 bytes of content.
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
