import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../ports.ts'
import { installed, PROXY_CORE, type Running, startDaemon, startOn, stopAll } from '../processes.ts'
import { startSidecar } from '../sidecar.ts'

/** One way to put a hop between a client and a service. */
export interface Contender {
  readonly name: string
  /** Why it is left out on this machine; undefined where it takes part. */
  missing(): Promise<string | undefined>
  start(options: { folder: string; upstreamPort: number; routes: number }): Promise<Running>
}

export const OURS = 'Branchline sidecar'

export const nginx: Contender = {
  name: 'nginx',
  missing: installed('nginx', 'apt-get install nginx-light'),
  async start({ folder, upstreamPort }) {
    const port = await freePort()
    const file = join(folder, 'nginx.conf')
    await writeFile(
      file,
      `daemon off; master_process off; worker_processes 1; pid ${folder}/nginx.pid; error_log /dev/null;
events { worker_connections 32768; }
http {
  access_log off; keepalive_timeout 600s; keepalive_requests 1000000000; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  map $http_tracestate $target { default base; "~(^|,)\\s*branchline=alice(,|$)" alice; }
  map $http_upgrade $hop { default upgrade; "" ""; }
  upstream base { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }
  upstream alice { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${port} backlog=4096; location / { proxy_pass http://$target; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $hop; proxy_set_header Host $host; } }
}
`,
    )
    return startDaemon(port, 'nginx', ['-c', file, '-p', folder])
  },
}

export const haproxy: Contender = {
  name: 'HAProxy',
  missing: installed('haproxy', 'apt-get install haproxy'),
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

export const httpProxy3: Contender = {
  name: 'http-proxy-3',
  missing: () => Promise.resolve(undefined),
  async start({ upstreamPort }) {
    const port = await freePort()
    const script = join(import.meta.dirname, 'http-proxy-3.ts')
    const args = [script, String(port), `http://127.0.0.1:${upstreamPort}`]
    const child = await startOn(PROXY_CORE, process.execPath, args)
    return { port, pids: [child.pid as number], stop: () => stopAll([child]) }
  },
}

export const sidecar: Contender = {
  name: OURS,
  missing: () => Promise.resolve(undefined),
  start: startSidecar,
}
