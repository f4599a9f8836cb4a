import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../ports.ts'
import { installed, startDaemon } from '../processes.ts'
import type { Contender } from './contender.ts'

const NGINX_STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so'
const nginxInstalled = installed('nginx', 'apt-get install nginx-light')

/** nginx as an HTTP proxy that routes by tracestate and passes upgrades. */
export const nginx: Contender = {
  name: 'nginx',
  missing: nginxInstalled,
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

/** nginx as an HTTP/2 proxy (`grpc_pass`). */
export const nginxGrpc: Contender = {
  name: 'nginx grpc_pass',
  missing: nginxInstalled,
  async start({ folder, upstreamPort }) {
    const port = await freePort()
    const file = join(folder, 'nginx-h2.conf')
    await writeFile(
      file,
      `daemon off; master_process off; worker_processes 1; pid ${folder}/nginx-h2.pid; error_log /dev/null;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; client_body_temp_path ${folder}/body2; proxy_temp_path ${folder}/proxy2;
  map $http_tracestate $target { default base; "~(^|,)\\s*branchline=alice(,|$)" alice; }
  upstream base { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }
  upstream alice { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${port} http2 backlog=4096; location / { grpc_pass grpc://$target; } }
}
`,
    )
    return startDaemon(port, 'nginx', ['-c', file, '-p', folder])
  },
}

/** nginx with its stream module. */
export const nginxStream: Contender = {
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
