import { readConfig } from './config.ts'
import { startEcho } from './echo.ts'
import { hopOf, serve, untilSignal } from './server.ts'
import { openStock } from './stock.ts'

/** The shop's worker: it reads the database over PostgreSQL's protocol, and has a raw TCP port that sends a greeting. */
const config = readConfig('worker')
const stock = openStock()
const echo = await startEcho(config)
const server = await serve(
  config,
  async (request, url) => {
    const startedAt = performance.now()
    const { hop, products } = await stock.read()
    const hops = [hopOf(config, request, url, startedAt), hop]
    return { type: 'application/json', body: JSON.stringify({ hops, products }) }
  },
  () => stock.isOpen(),
)
untilSignal(config, async () => {
  await server.drain()
  echo.close()
  await stock.close()
})
