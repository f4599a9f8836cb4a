import { spawn } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { bundle } from '../../bundle.ts'
import { failed, listening, PROXY_CORE, type Running, stopAll } from '../processes.ts'
import { type Contender, present } from './contender.ts'
import { startRoutes } from './routes.ts'
import { freePorts } from '@branchline/runtime/testing/ports'

/** This checkout. */
const root = join(import.meta.dirname, '../../..')

/** As in the images. */
const NODE_OPTIONS = ['--max-semi-space-size=1', '--max-old-space-size-percentage=50']

/** The name of the product's contender. */
export const OURS = 'Branchline sidecar'
/** The suffix of the name of a contender from another checkout. */
export const BEFORE = ', before'

/** Options of a sidecar under test. */
export interface SidecarOptions {
  readonly folder: string
  readonly upstreamPort: number
  /** The protocol in BRANCHLINE_INBOUND. Default: http. */
  readonly protocol?: string
  /** Keys in its table. Default: 1,000. */
  readonly routes?: number
  /** The limit of connections. Default: the sidecar's default. */
  readonly connections?: number
  /** The checkout of the sidecar. Default: this one. */
  readonly checkout?: string
}

/** Returns the sidecar as a contender. The options state what differs from an HTTP/1.1 port and 1,000 routes. */
export const sidecar = (
  differences: Partial<Pick<SidecarOptions, 'protocol' | 'routes' | 'connections' | 'checkout'>> = {},
  name = OURS,
): Contender => ({ name, missing: present, start: (options) => startSidecar({ ...options, ...differences }) })

/** Bundles a script of a checkout as for an image, into a separate folder. Returns the file. */
export async function bundled(folder: string, script: string, checkout = root): Promise<string> {
  const own = await mkdtemp(join(folder, 'bundle-'))
  const file = join(own, basename(script).replace(/\.ts$/, '.mjs'))
  await bundle(join(checkout, script), file)
  return file
}

/**
 * Starts a sidecar on the contender's core, with a table in which all keys lead to the service, and waits for its
 * acknowledgement. `readyMs` is the time from its start to the acknowledgement.
 */
export async function startSidecar(options: SidecarOptions): Promise<Running & { readyMs: number }> {
  const { folder, upstreamPort, protocol = 'http', routes = 1000, connections, checkout } = options
  const file = await bundled(folder, 'runtime/sidecar/main.ts', checkout)
  const [listener, adminPort] = (await freePorts(2)) as [number, number]
  const manager = await startRoutes({ listener, upstreamPort, routes })
  const token = join(dirname(file), 'token')
  await writeFile(token, 'benchmark\n')
  const startedAt = performance.now()
  const child = spawn('taskset', ['-c', PROXY_CORE, process.execPath, ...NODE_OPTIONS, file], {
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'],
      POD_IP: '127.0.0.1',
      BRANCHLINE_INBOUND: `${listener}=${upstreamPort}/${protocol}`,
      BRANCHLINE_ADMIN_PORT: String(adminPort),
      BRANCHLINE_MANAGER: `ws://127.0.0.1:${manager.port}`,
      BRANCHLINE_TOKEN_FILE: token,
      LOG_LEVEL: 'warn',
      ...(connections !== undefined && { BRANCHLINE_CONNECTIONS: String(connections) }),
    },
  })
  const ready = manager.acknowledged.then(() => listening(listener))
  await Promise.race([ready, failed(child, 'the sidecar')])
  return {
    port: listener,
    pids: [child.pid as number],
    readyMs: performance.now() - startedAt,
    stop: async () => {
      await stopAll([child])
      await manager.stop()
    },
  }
}
