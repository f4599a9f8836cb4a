import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { which } from 'zx'
import { bundle } from '../../bundle.ts'
import { startRoutes } from './routes.ts'

/** The core of the contender, and that of the load and the service behind it. */
const PROXY_CORE = '0'
export const LOAD_CORE = '1'

/** A proxy that is up: where it listens and which processes are its. */
export interface Running {
  readonly port: number
  readonly processes: readonly ChildProcess[]
  stop(): Promise<void>
}

/** One way to put a hop between a client and a service. */
export interface Contender {
  readonly name: string
  /** Why it is left out on this machine; undefined where it takes part. */
  missing(): Promise<string | undefined>
  start(options: { folder: string; upstreamPort: number; routes: number }): Promise<Running>
}

const root = join(import.meta.dirname, '../../..')

/** Starts a process on a core and waits for the first line that it prints, or for its port. */
export async function startOn(core: string, command: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn('taskset', ['-c', core, command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  await Promise.race([once(child.stdout, 'data'), failed(child, command)])
  return child
}

async function failed(child: ChildProcess, command: string): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number | null]
  throw new Error(`${command} ended with ${code} before it was ready`)
}

async function stopAll(processes: readonly ChildProcess[]): Promise<void> {
  for (const child of processes) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
}

async function startDaemon(port: number, command: string, args: readonly string[]): Promise<Running> {
  const child = spawn('taskset', ['-c', PROXY_CORE, command, ...args], { stdio: 'ignore' })
  await Promise.race([listening(port), failed(child, command)])
  return { port, processes: [child], stop: () => stopAll([child]) }
}

/** Resolves once something answers on the port. */
export async function listening(port: number, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    try {
      await fetch(`http://127.0.0.1:${port}/100`, { signal: AbortSignal.timeout(timeoutMs) })
      return
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`nothing listens on ${port}`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

const installed = (command: string, how: string) => async () =>
  (await which(command, { nothrow: true })) === null ? `${command} is not installed: ${how}` : undefined

export const nginx: Contender = {
  name: 'nginx',
  missing: installed('nginx', 'apt-get install nginx-light'),
  async start({ folder, upstreamPort }) {
    const file = join(folder, 'nginx.conf')
    await writeFile(
      file,
      `daemon off; master_process off; worker_processes 1; pid ${folder}/nginx.pid; error_log /dev/null;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  map $http_tracestate $target { default base; "~(^|,)\\s*branchline=alice(,|$)" alice; }
  upstream base { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }
  upstream alice { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:18081 backlog=4096; location / { proxy_pass http://$target; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; } }
}
`,
    )
    return startDaemon(18_081, 'nginx', ['-c', file, '-p', folder])
  },
}

export const haproxy: Contender = {
  name: 'HAProxy',
  missing: installed('haproxy', 'apt-get install haproxy'),
  async start({ folder, upstreamPort }) {
    const file = join(folder, 'haproxy.cfg')
    await writeFile(
      file,
      `global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 3s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind 127.0.0.1:18082
  acl alice req.hdr(tracestate) -m reg '(^|,)[ ]*branchline=alice(,|$)'
  use_backend alice if alice
  default_backend base
backend base
  server s 127.0.0.1:${upstreamPort}
backend alice
  server s 127.0.0.1:${upstreamPort}
`,
    )
    return startDaemon(18_082, 'haproxy', ['-db', '-f', file])
  },
}

export const httpProxy3: Contender = {
  name: 'http-proxy-3',
  missing: () => Promise.resolve(undefined),
  async start({ upstreamPort }) {
    const script = join(import.meta.dirname, 'http-proxy-3.ts')
    const args = [script, '18083', `http://127.0.0.1:${upstreamPort}`]
    const child = await startOn(PROXY_CORE, process.execPath, args)
    return { port: 18_083, processes: [child], stop: () => stopAll([child]) }
  },
}

export const sidecar: Contender = {
  name: 'Branchline sidecar',
  missing: () => Promise.resolve(undefined),
  async start({ folder, upstreamPort, routes }) {
    const bundled = join(folder, 'sidecar.mjs')
    await mkdir(folder, { recursive: true })
    await bundle(join(root, 'runtime/sidecar/main.ts'), bundled)
    const manager = await startRoutes({ listener: 18_084, upstreamPort, routes })
    const token = join(folder, 'token')
    await writeFile(token, 'benchmark\n')
    const child = spawn('taskset', ['-c', PROXY_CORE, process.execPath, '--max-semi-space-size=1', bundled], {
      stdio: 'ignore',
      env: {
        PATH: process.env['PATH'],
        POD_IP: '127.0.0.1',
        BRANCHLINE_INBOUND: `18084=${upstreamPort}/http`,
        BRANCHLINE_ADMIN_PORT: '18085',
        BRANCHLINE_MANAGER: `ws://127.0.0.1:${manager.port}`,
        BRANCHLINE_TOKEN_FILE: token,
        LOG_LEVEL: 'warn',
      },
    })
    await Promise.race([manager.acknowledged.then(() => listening(18_084)), failed(child, 'the sidecar')])
    return {
      port: 18_084,
      processes: [child],
      stop: async () => {
        await stopAll([child])
        await manager.stop()
      },
    }
  },
}
