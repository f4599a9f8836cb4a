import { installed } from '../processes.ts'
import type { Contender } from './contender.ts'
import { type Daemon, daemon } from './daemon.ts'
import { PREVIEW_HOST } from './relay.ts'

const common = {
  missing: installed('haproxy', 'apt-get install haproxy'),
  command: 'haproxy',
  args: (file) => ['-db', '-f', file],
} satisfies Partial<Daemon>

/** One thread, and timeouts that no benchmark reaches. */
const defaults = (mode: 'http' | 'tcp', global = ''): string => `global
  nbthread 1
${global}defaults
  mode ${mode}
  timeout connect 3s
  timeout client 600s
  timeout server 600s
`

/** HAProxy in `http` mode, which routes by tracestate. */
export const haproxy = daemon({
  ...common,
  name: 'HAProxy',
  file: 'haproxy.cfg',
  config: ({ port, upstreamPort }) => `${defaults('http', '  maxconn 10100\n  no strict-limits\n')}\
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
})

/** HAProxy in `tcp` mode. */
export const haproxyTcp = daemon({
  ...common,
  name: 'HAProxy tcp',
  file: 'haproxy-tcp.cfg',
  config: ({ port, upstreamPort }) => `${defaults('tcp')}frontend in
  bind 127.0.0.1:${port}
  default_backend base
backend base
  server s 127.0.0.1:${upstreamPort}
`,
})

/** HAProxy doing the relay's work (less strictly): it finds the preview by the host, and writes the same fields. */
const visitors = daemon({
  ...common,
  name: 'HAProxy as the relay',
  file: 'haproxy-visitors.cfg',
  config: ({ port, upstreamPort }) => `${defaults('http')}  http-reuse always
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
  server s 127.0.0.1:${upstreamPort}
`,
})

/** The relay's path through two processes, without a tunnel. The second one is in `tcp` mode, like the gateway. */
export const haproxyTwice: Contender = {
  name: 'HAProxy twice: HTTP as the relay, then TCP',
  missing: common.missing,
  async start(options) {
    const behind = await haproxyTcp.start(options)
    try {
      const front = await visitors.start({ ...options, upstreamPort: behind.port })
      const stop = async (): Promise<void> => {
        await front.stop()
        await behind.stop()
      }
      return { port: front.port, pids: [...front.pids, ...behind.pids], stop }
    } catch (error) {
      await behind.stop()
      throw error
    }
  },
}
