import { access } from 'node:fs/promises'
import { installed } from '../processes.ts'
import { type Daemon, daemon, type Site } from './daemon.ts'

const NGINX_STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so'

const common = {
  missing: installed('nginx', 'apt-get install nginx-light'),
  command: 'nginx',
  args: (file, folder) => ['-c', file, '-p', folder],
} satisfies Partial<Daemon>

/** One worker in the foreground, with this number of connections. */
const main = (folder: string, file: string, connections: number): string =>
  `daemon off; master_process off; worker_processes 1; pid ${folder}/${file}.pid; error_log /dev/null;
events { worker_connections ${connections}; }
`

/** Two upstreams that tracestate selects as `$target`, and separate folders for this contender. */
const routed = ({ folder, upstreamPort }: Site, file: string): string =>
  `  access_log off; keepalive_requests 1000000000; client_body_temp_path ${folder}/${file}.body; proxy_temp_path ${folder}/${file}.proxy;
  map $http_tracestate $target { default base; "~(^|,)\\s*branchline=alice(,|$)" alice; }
  upstream base { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }
  upstream alice { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }
`

/** nginx as an HTTP proxy that routes by tracestate and passes upgrades. */
export const nginx = daemon({
  ...common,
  name: 'nginx',
  file: 'nginx.conf',
  config: (site) => `${main(site.folder, 'nginx', 32_768)}http {
${routed(site, 'nginx')}  keepalive_timeout 600s;
  map $http_upgrade $hop { default upgrade; "" ""; }
  server { listen 127.0.0.1:${site.port} backlog=4096; location / { proxy_pass http://$target; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $hop; proxy_set_header Host $host; } }
}
`,
})

/** nginx as an HTTP/2 proxy (`grpc_pass`). */
export const nginxGrpc = daemon({
  ...common,
  name: 'nginx grpc_pass',
  file: 'nginx-h2.conf',
  config: (site) => `${main(site.folder, 'nginx-h2', 4096)}http {
${routed(site, 'nginx-h2')}  server { listen 127.0.0.1:${site.port} http2 backlog=4096; location / { grpc_pass grpc://$target; } }
}
`,
})

/** nginx with its stream module. */
export const nginxStream = daemon({
  ...common,
  name: 'nginx stream',
  missing: async () =>
    access(NGINX_STREAM).then(
      () => undefined,
      () => 'the stream module of nginx is not installed: apt-get install nginx libnginx-mod-stream',
    ),
  file: 'nginx-stream.conf',
  config: ({ folder, port, upstreamPort }) => `load_module ${NGINX_STREAM};
${main(folder, 'nginx-stream', 4096)}stream { server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${upstreamPort}; } }
`,
})
