// This import is first, so that node:http is patched before anything uses it.
// oxlint-disable-next-line import/no-unassigned-import
import './tracing.ts'
import { call } from './call.ts'
import { readConfig } from './config.ts'
import { hopOf, serve, untilSignal } from './server.ts'

const WORKER_PORT = 8080

/** The shop's API. OpenTelemetry's HTTP instrumentation forwards the headers, not this code. */
const config = readConfig('api')
const server = await serve(config, async (request, url) => {
  const startedAt = performance.now()
  const answer = await call('worker', WORKER_PORT, `/work${url.search}`, {})
  const hops = [hopOf(config, request, url, startedAt), ...answer.hops]
  return { type: 'application/json', body: JSON.stringify({ ...answer, hops }) }
})
untilSignal(config, () => server.drain())
