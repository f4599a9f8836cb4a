import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bundle } from '../../bundle.ts'
import type { Contender } from '../http/contenders.ts'
import { freePort, freePorts } from '../ports.ts'
import { failed, installed, listening, PROXY_CORE, startDaemon, startOn, stopAll } from '../processes.ts'
import { bundled } from '../sidecar.ts'
import { rawHaproxy } from '../stream/contenders.ts'

/** The preview that is asked for. */
export const HOST = 'web--alice.localhost'
const TOKEN = 'token-of-the-benchmarks-0123456789'
/** As in the images. */
const NODE_OPTIONS = ['--max-semi-space-size=1']

/** A relay, and the manager's end of its tunnel, both on the contender's core. */
export const tunnelled: Contender = {
  name: 'relay and gateway: HTTP, tunnel',
  missing: () => Promise.resolve(undefined),
  async start({ folder, upstreamPort }) {
    const [httpPort, tunnelPort, adminPort] = (await freePorts(3)) as [number, number, number]
    const gatewayFile = join(folder, 'gateway.mjs')
    await bundle(join(import.meta.dirname, 'gateway.ts'), gatewayFile)
    const command = [PROXY_CORE, process.execPath, ...NODE_OPTIONS]
    const relay = spawn('taskset', ['-c', ...command, await bundled(folder, 'relay')], {
      stdio: 'ignore',
      env: {
        PATH: process.env['PATH'],
        POD_IP: '127.0.0.1',
        BRANCHLINE_DOMAIN: 'localhost',
        BRANCHLINE_HTTP_PORT: String(httpPort),
        BRANCHLINE_TUNNEL_PORT: String(tunnelPort),
        BRANCHLINE_ADMIN_PORT: String(adminPort),
        BRANCHLINE_RELAY_TOKEN: TOKEN,
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
      stop: () => stopAll(processes),
    }
  },
}

/** What the targets are measured by: one process, which knows nothing of HTTP, and no tunnel. */
export const oneHaproxy: Contender = { ...rawHaproxy, name: 'HAProxy: TCP, one hop' }

/**
 * The relay's work, and the way through two processes, without a tunnel: an HAProxy that finds the service by
 * the host and writes the same fields (less strictly), and one behind it in `tcp` mode, as the gateway is.
 */
export const twoHaproxies: Contender = {
  name: 'HAProxy twice: HTTP as the relay, then TCP',
  missing: installed('haproxy', 'apt-get install haproxy'),
  async start({ folder, upstreamPort, routes }) {
    const behind = await rawHaproxy.start({ folder, upstreamPort, routes })
    try {
      const port = await freePort()
      const file = join(folder, 'haproxy-visitors.cfg')
      await writeFile(file, visitors(port, behind.port))
      const front = await startDaemon(port, 'haproxy', ['-db', '-f', file])
      const stop = async (): Promise<void> => {
        await front.stop()
        await behind.stop()
      }
      return { port, pids: [...front.pids, ...behind.pids], stop }
    } catch (error) {
      await behind.stop()
      throw error
    }
  },
}

const visitors = (port: number, next: number): string => `global
  nbthread 1
defaults
  mode http
  timeout connect 3s
  timeout client 600s
  timeout server 600s
  http-reuse always
frontend in
  bind 127.0.0.1:${port}
  http-request del-header b3
  http-request del-header uber-trace-id
  http-request del-header x-cloud-trace-context
  http-request del-header x-b3- -m beg
  http-request del-header x-branchline- -m beg
  http-request del-header x-forwarded- -m beg
  http-request set-header tracestate "branchline=alice,%[req.hdr(tracestate)]"
  http-request set-header baggage branchline=alice
  http-request set-header traceparent "00-%[uuid()]-00f067aa0ba902b7-01"
  http-request set-header x-request-id %[uuid()]
  http-request set-header x-forwarded-for %[src]
  http-request set-header x-forwarded-proto http
  http-request set-header x-forwarded-host %[req.hdr(host)]
  http-request set-header forwarded "for=%[src];host=%[req.hdr(host)];proto=http"
  use_backend alice if { req.hdr(host) -i ${HOST} }
backend alice
  server s 127.0.0.1:${next}
`
