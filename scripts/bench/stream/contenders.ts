import { writeFile } from 'node:fs/promises'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { type Contender, OURS } from '../http/contenders.ts'
import { freePort } from '../ports.ts'
import { installed, startDaemon } from '../processes.ts'
import { startSidecar } from '../sidecar.ts'

const NGINX_STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so'

/** The sidecar with a port that it does not understand: `tcp`. */
export const rawSidecar: Contender = {
  name: OURS,
  missing: () => Promise.resolve(undefined),
  start: (options) => startSidecar({ ...options, protocol: 'tcp' }),
}

/** HAProxy in `tcp` mode. */
export const rawHaproxy: Contender = {
  name: 'HAProxy',
  missing: installed('haproxy', 'apt-get install haproxy'),
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

/** nginx with its stream module. */
export const rawNginx: Contender = {
  name: 'nginx stream',
  missing: async () =>
    access(NGINX_STREAM).then(
      () => undefined,
      () => 'the stream module of nginx is not installed: apt-get install nginx libnginx-mod-stream',
    ),
  async start({ folder, upstreamPort }) {
    const port = await freePort()
    const file = join(folder, 'nginx-stream.conf')
    await writeFile(
      file,
      `load_module ${NGINX_STREAM};
daemon off; master_process off; worker_processes 1; pid ${folder}/nginx-stream.pid; error_log /dev/null;
events { worker_connections 4096; }
stream { server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${upstreamPort}; } }
`,
    )
    return startDaemon(port, 'nginx', ['-c', file, '-p', folder])
  },
}
