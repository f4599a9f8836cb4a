import { createServer, type IncomingMessage, request as open } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'

/**
 * With UPSTREAM it is the front, which forwards every upgrade unchanged, by HTTP/1.1 and then byte by byte. Without UPSTREAM
 * it is the service behind. It greets with its version, echoes messages, closes as the path requests
 * (`/close/4001/reason`), and reports at `/closes` how its connections were closed.
 */
const { VERSION = '', PORT = '8000', HOST = '0.0.0.0', UPSTREAM } = process.env
const MAX_MESSAGE_LENGTH = 4 * 1024 * 1024

const closes: string[] = []
const server = createServer((_request, response) => {
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ version: VERSION, closes }))
})

const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: MAX_MESSAGE_LENGTH,
  perMessageDeflate: true,
  handleProtocols: (protocols) => [...protocols].at(-1) ?? false,
})
sockets.on('connection', (socket, request: IncomingMessage) => {
  const [, word, code, reason] = (request.url ?? '').split('/')
  socket.send(VERSION)
  if (word === 'close') socket.close(Number(code), decodeURIComponent(reason ?? ''))
  socket.on('message', (data, binary) => socket.send(data, { binary }))
  socket.on('close', (code, reason) => closes.push(`${code} ${reason.toString()}`))
  socket.on('error', () => undefined)
})

function passOn(request: IncomingMessage, visitor: Duplex, head: Buffer): void {
  const end = (): void => void visitor.destroy()
  const upgrade = open(new URL(request.url ?? '/', UPSTREAM), { headers: request.headers })
  visitor.on('error', () => upgrade.destroy())
  upgrade.on('error', end).on('response', end)
  upgrade.on('upgrade', (response, upstream, first) => {
    const fields: string[] = []
    for (let at = 0; at < response.rawHeaders.length; at += 2) {
      fields.push(`${response.rawHeaders[at]}: ${response.rawHeaders[at + 1]}\r\n`)
    }
    visitor.write(`HTTP/1.1 101 Switching Protocols\r\n${fields.join('')}\r\n`)
    visitor.write(first)
    upstream.write(head)
    upstream.on('error', end).on('close', end)
    visitor.on('close', () => upstream.destroy())
    visitor.pipe(upstream).pipe(visitor)
  })
  upgrade.end()
}

server.on('upgrade', (request, visitor, head) => {
  if (UPSTREAM !== undefined) passOn(request, visitor, head)
  else sockets.handleUpgrade(request, visitor, head, (socket) => sockets.emit('connection', socket, request))
})
server.listen(Number(PORT), HOST)
