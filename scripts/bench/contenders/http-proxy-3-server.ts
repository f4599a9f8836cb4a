import { Agent, createServer } from 'node:http'
import { createProxyServer } from 'http-proxy-3'

/** A typical server with http-proxy-3: one hop, routed by tracestate, with a keep-alive agent. */
const [port, target] = process.argv.slice(2) as [string, string]
const proxy = createProxyServer({ agent: new Agent({ keepAlive: true }) })
proxy.on('error', (_error, _request, response) => {
  if ('writeHead' in response) response.writeHead(502)
  response.end()
})
const routes = new Map([['alice', target]])
createServer((request, response) => {
  const key = /(?:^|,)\s*branchline=([a-z0-9-]+)/.exec(String(request.headers.tracestate ?? ''))?.[1]
  proxy.web(request, response, { target: routes.get(key ?? '') ?? target })
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'))
