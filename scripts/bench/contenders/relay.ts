import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { failed, listening, PROXY_CORE, startOn, stopAll, stopGently } from '../processes.ts'
import { type Contender, present } from './contender.ts'
import { bundled } from './sidecar.ts'
import { freePorts } from '@branchline/runtime/testing/ports'

/** This checkout. */
const root = join(import.meta.dirname, '../../..')
/** The host of the preview that visitors open. */
export const PREVIEW_HOST = 'web--alice.localhost'
/** The name of the product's contender. */
export const RELAY_AND_GATEWAY = 'relay and gateway: HTTP, tunnel'
const TOKEN = 'token-of-the-benchmarks-0123456789'
/** The same options as in the images. */
const NODE_OPTIONS = ['--max-semi-space-size=1', '--max-old-space-size-percentage=50']

/** A relay and the manager's end of its tunnel, from this or another checkout, both on the contender's core. */
export const relayAndGateway = (name = RELAY_AND_GATEWAY, checkout?: string): Contender => ({
  name,
  missing: present,
  async start({ folder, upstreamPort }) {
    const [httpPort, tunnelPort, adminPort, apiPort] = (await freePorts(4)) as [
      number,
      number,
      number,
      number,
    ]
    const gatewayFile = await bundled(folder, 'scripts/bench/contenders/gateway.ts', checkout)
    const relayFile = await bundled(folder, 'runtime/relay/main.ts', checkout)
    const command = [PROXY_CORE, process.execPath, ...NODE_OPTIONS]
    const relay = spawn('taskset', ['-c', ...command, relayFile], {
      stdio: 'ignore',
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        // Its database is in a package, which the bundle does not contain.
        NODE_PATH: join(checkout ?? root, 'node_modules'),
        POD_IP: '127.0.0.1',
        BRANCHLINE_DOMAIN: 'localhost',
        BRANCHLINE_HTTP_PORT: String(httpPort),
        BRANCHLINE_TUNNEL_PORT: String(tunnelPort),
        BRANCHLINE_ADMIN_PORT: String(adminPort),
        BRANCHLINE_API_PORT: String(apiPort),
        BRANCHLINE_RELAY_TOKEN: TOKEN,
        // All requests are for one preview.
        BRANCHLINE_REQUESTS_PER_PREVIEW: '0',
        LOG_LEVEL: 'warn',
      },
    })
    await Promise.race([listening(tunnelPort), failed(relay, 'the relay')])
    const args = [gatewayFile, `ws://127.0.0.1:${tunnelPort}`, TOKEN, `127.0.0.1:${upstreamPort}`]
    const gateway = await startOn(PROXY_CORE, process.execPath, [...NODE_OPTIONS, ...args])
    const processes = [relay, gateway]
    return {
      port: httpPort,
      pids: processes.map(({ pid }) => pid as number),
      // The relay also stops its database.
      stop: async () => {
        await stopAll([gateway])
        await stopGently(relay)
      },
    }
  },
})
