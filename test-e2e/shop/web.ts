import { randomBytes } from 'node:crypto'
import type http from 'node:http'
import { call } from './call.ts'
import { readConfig } from './config.ts'
import { echoThrough } from './echo.ts'
import { PROPAGATED } from './hop.ts'
import { renderPage } from './page.ts'
import { hopOf, serve, untilSignal } from './server.ts'

const API_PORT = 8080
const MAX_ECHO_BYTES = 64 * 1024 * 1024
const NAMESPACE = /^[a-z0-9-]{1,63}$/

/**
 * The shop's front: a page for browsers, and JSON for programs that accept only JSON. It forwards headers by hand, like an
 * application without a tracing library. `/tcp?bytes=N` sends N bytes through the worker's raw TCP port and reports
 * whether the same bytes came back.
 */
const config = readConfig('web')
const server = await serve(config, async (request, url) => {
  const startedAt = performance.now()
  if (url.pathname === '/tcp') {
    const bytes = Math.min(Number(url.searchParams.get('bytes')) || 0, MAX_ECHO_BYTES)
    return { type: 'application/json', body: JSON.stringify(await echoThrough(bytes, hostOf('worker', url))) }
  }
  const answer = await call(hostOf('api', url), API_PORT, `/orders${url.search}`, toSend(request, url))
  const whole = { ...answer, hops: [hopOf(config, request, url, startedAt), ...answer.hops] }
  if (request.headers.accept?.includes('text/html') === true) {
    return { type: 'text/html; charset=utf-8', body: renderPage(whole) }
  }
  return { type: 'application/json', body: JSON.stringify(whole) }
})
untilSignal(config, () => server.drain(), { port: server.port })

/** Returns the name by which a service is called: the short name, or a name with the namespace of `?at=NAMESPACE`. */
function hostOf(service: string, url: URL): string {
  const namespace = url.searchParams.get('at') ?? ''
  return NAMESPACE.test(namespace) ? `${service}.${namespace}` : service
}

/** Returns the headers for the API. For tests, `?send=TRACESTATE` replaces them all, and `?send=` removes them. */
function toSend(request: http.IncomingMessage, url: URL): Record<string, string> {
  const tracestate = url.searchParams.get('send')
  if (tracestate === null) return propagated(request)
  return tracestate === '' ? {} : { tracestate, traceparent: mintTraceparent() }
}

const mintTraceparent = (): string =>
  `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`

function propagated(request: http.IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of PROPAGATED) {
    const value = request.headersDistinct[name]
    if (value !== undefined) headers[name] = value.join(',')
  }
  return headers
}
