import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../ports.ts'
import { installed, startDaemon } from '../processes.ts'
import type { Contender } from './contender.ts'
import { PREVIEW_HOST } from './relay.ts'

const haproxyInstalled = installed('haproxy', 'apt-get install haproxy')

/** HAProxy in `http` mode, which routes by tracestate. */
export const haproxy: Contender = {
  name: 'HAProxy',
  missing: haproxyInstalled,
  async start({ folder, upstreamPort }) {
    const port = await freePort()
    const file = join(folder, 'haproxy.cfg')
    await writeFile(
      file,
      `global
  nbthread 1
  maxconn 10100
  no strict-limits
defaults
  mode http
  timeout connect 3s
  timeout client 600s
  timeout server 600s
  timeout tunnel 600s
  http-reuse always
frontend in
  bind 127.0.0.1:${port}
  acl alice req.hdr(tracestate) -m reg '(^|,)[ ]*branchline=alice(,|$)'
  use_backend alice if alice
  default_backend base
backend base
  server s 127.0.0.1:${upstreamPort}
backend alice
  server s 127.0.0.1:${upstreamPort}
`,
    )
    return startDaemon(port, 'haproxy', ['-db', '-f', file])
  },
}

/** HAProxy in `tcp` mode. */
export const haproxyTcp: Contender = {
  name: 'HAProxy tcp',
  missing: haproxyInstalled,
  async start({ folder, upstreamPort }) {
    const port = await freePort()
    const file = join(folder, 'haproxy-tcp.cfg')
    await writeFile(
      file,
      `global
  nbthread 1
defaults
  mode tcp
  timeout connect 3s
  timeout client 600s
  timeout server 600s
frontend in
  bind 127.0.0.1:${port}
  default_backend base
backend base
  server s 127.0.0.1:${upstreamPort}
`,
    )
    return startDaemon(port, 'haproxy', ['-db', '-f', file])
  },
}

/**
 * The relay's work, and the way through two processes, without a tunnel: an HAProxy that finds the service by
 * the host and writes the same fields (less strictly), and one behind it in `tcp` mode, as the gateway is.
 */
export const haproxyTwice: Contender = {
  name: 'HAProxy twice: HTTP as the relay, then TCP',
  missing: haproxyInstalled,
  async start({ folder, upstreamPort, routes }) {
    const behind = await haproxyTcp.start({ folder, upstreamPort, routes })
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
  use_backend alice if { req.hdr(host) -i ${PREVIEW_HOST} }
backend alice
  server s 127.0.0.1:${next}
`
