import type http from 'node:http'
import { call } from './call.ts'
import { readConfig } from './config.ts'
import { echoThrough } from './echo.ts'
import { PROPAGATED } from './hop.ts'
import { renderPage } from './page.ts'
import { hopOf, serve, untilSignal } from './server.ts'

const API_PORT = 8080
const MAX_ECHO_BYTES = 64 * 1024 * 1024

/**
 * The shop's front: a page for browsers, JSON for programs that accept nothing else. It propagates by hand,
 * as an application without a tracing library does. `/tcp?bytes=N` sends N octets through the worker's raw
 * TCP port and says whether the same came back.
 */
const config = readConfig('web')
const server = await serve(config, async (request, url) => {
  const startedAt = performance.now()
  if (url.pathname === '/tcp') {
    const bytes = Math.min(Number(url.searchParams.get('bytes')) || 0, MAX_ECHO_BYTES)
    return { type: 'application/json', body: JSON.stringify(await echoThrough(bytes)) }
  }
  const answer = await call('api', API_PORT, `/orders${url.search}`, propagated(request))
  const whole = { ...answer, hops: [hopOf(config, request, url, startedAt), ...answer.hops] }
  if (request.headers.accept?.includes('text/html') === true) {
    return { type: 'text/html; charset=utf-8', body: renderPage(whole) }
  }
  return { type: 'application/json', body: JSON.stringify(whole) }
})
untilSignal(config, () => server.drain())

function propagated(request: http.IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of PROPAGATED) {
    const value = request.headersDistinct[name]
    if (value !== undefined) headers[name] = value.join(',')
  }
  return headers
}
