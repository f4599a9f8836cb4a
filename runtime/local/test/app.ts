// A small service for tests. It reports its name and what it receives, and exits on request.
import { lookup } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'

const { HOST, PORT, VERSION = '1', LISTEN = HOST } = process.env
let ready = true

async function respond(url: URL, from: string | undefined): Promise<unknown> {
  switch (url.pathname) {
    case '/unready':
      return (ready = false)
    case '/die':
      return process.exit(3)
    case '/env':
      return process.env
    case '/args':
      return process.argv.slice(2)
    case '/file':
      return readFileSync(url.searchParams.get('path') ?? '', 'utf8')
    case '/from':
      return { from }
    case '/call':
      return (await fetch(url.searchParams.get('url') ?? '')).text()
    case '/lookup':
      return lookup(url.searchParams.get('name') ?? '').catch((error: NodeJS.ErrnoException) => ({
        code: error.code,
      }))
    default:
      return { version: VERSION, pid: process.pid }
  }
}

const server = createServer((request: IncomingMessage, response) => {
  const url = new URL(request.url ?? '/', 'http://app')
  if (url.pathname === '/ready') {
    response.writeHead(ready ? 200 : 503).end()
    return
  }
  void respond(url, request.socket.remoteAddress).then((value) =>
    response.end(typeof value === 'string' ? value : JSON.stringify(value)),
  )
})
server.listen(Number(PORT), LISTEN)
process.once('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
