import type { DeployedCircuit, DeployedTarget } from '@branchline/wire/circuits/table'
import { BlockList } from 'node:net'
import { UpstreamPool } from '../../../http1/index.ts'
import { later } from '../../../testing/cleanups.ts'
import { DialPolicy } from '../../dial-policy.ts'
import { appFor } from '../../fixture.ts'
import { DEFAULT_RELAY_LIMITS } from '../../limits.ts'
import { VisitorEngines } from '../frontends/engines.ts'
import { listenForVisitors } from '../frontends/listener.ts'
import { Apex } from '../visitors/apex.ts'
import { refusedTrailers } from '../visitors/head-edits.ts'
import { Visitors } from '../visitors/visitors.ts'
import type { TargetReport } from './target-report.ts'
import { type WorkerCircuits, workerCircuits, type WorkerCircuitsOptions } from './index.ts'

/** A target at an address. */
export const targetAt = (
  id: string,
  address: string,
  more: Partial<DeployedTarget> = {},
): DeployedTarget => ({
  id,
  address,
  weight: 1,
  draining: false,
  ...more,
})

/** A public circuit of the host `<id>.localhost`. */
export const circuitOf = (
  id: string,
  targets: readonly DeployedTarget[],
  more: Partial<DeployedCircuit> = {},
): DeployedCircuit => ({
  id,
  key: `test/${id}`,
  version: 1,
  owner: { type: 'key', id: 'k' },
  frontend: { type: 'subdomain', hosts: [id] },
  backend: 'http',
  balancing: 'round-robin',
  stickiness: 'none',
  targets,
  access: { type: 'public' },
  limits: {},
  rewrite: {},
  middlewares: [],
  draining: false,
  ...more,
})

/** A worker that serves circuits on a free port, without coordinator and clusters. */
export interface TestWorker extends WorkerCircuits {
  readonly port: number
  readonly engines: VisitorEngines
  readonly visitors: Visitors
  /** What it has reported about targets. */
  readonly reports: TargetReport[]
}

/** Starts a worker with these circuits. Its policy permits loopback. */
export async function workerWith(
  circuits: readonly DeployedCircuit[],
  options: Partial<WorkerCircuitsOptions> = {},
): Promise<TestWorker> {
  const visitors = new Visitors({
    connectionsPerAddress: 0,
    requestsPerAddress: 0,
    trust: { fronts: new BlockList(), header: 'none' },
  })
  const reports: TargetReport[] = []
  const limits = {
    http: { ...DEFAULT_RELAY_LIMITS.http, drainMs: 100, drainIdleMs: 20 },
    http2: { ...DEFAULT_RELAY_LIMITS.http2, drainMs: 100, drainIdleMs: 20 },
  }
  const worker = workerCircuits({
    domain: 'localhost',
    edits: { trace: 'restart', header: undefined, scheme: 'http' },
    policy: new DialPolicy(['127.0.0.0/8', '::1']),
    links: { linksOf: () => ({ state: 'unknown' }) },
    registered: () => ({ state: 'unknown' }),
    apex: new Apex({ domain: 'localhost', publicUrl: new URL('http://localhost'), index: undefined }),
    visitors,
    hold: { holdMs: 0, held: 0 },
    isReturning: () => false,
    requestsPerPreview: 0,
    responseProgressMs: limits.http.responseProgressMs,
    onTarget: (report) => reports.push(report),
    ...options,
  })
  const pool = new UpstreamPool(limits.http)
  const engines = new VisitorEngines({
    route: (head, client) => worker.circuits.route(head, client),
    failure: (error, exchange) => worker.circuits.failure(error, exchange),
    observer: {
      exchangeDone: (report) => worker.circuits.done(report),
      connectionClosed: (client) => worker.circuits.closed(client),
    },
    limits,
    pool,
    refusesTrailer: refusedTrailers(undefined),
    via: undefined,
  })
  const listener = await listenForVisitors({
    host: '127.0.0.1',
    port: 0,
    engines,
    visitors,
    headMs: 5_000,
    onRefused: () => {},
    limits: DEFAULT_RELAY_LIMITS.frontend,
    proxyProtocol: new BlockList(),
  })
  later(async () => {
    listener.stop()
    await engines.stop()
    worker.stop()
    pool.close()
  })
  worker.served.apply({ upsert: circuits })
  return { ...worker, port: listener.port, engines, visitors, reports }
}

/** Apps that respond with their name and what they received. */
export async function apps(...names: string[]): Promise<string[]> {
  const all = await Promise.all(
    names.map((name) =>
      appFor((incoming, response) => {
        incoming.resume().on('end', () => {
          response.setHeader('set-cookie', ['a=1', 'b=2'])
          response.end(JSON.stringify({ name, url: incoming.url, headers: incoming.headers }))
        })
      }),
    ),
  )
  return all.map(({ endpoint }) => endpoint)
}

/** What an app of {@link apps} received. */
export interface Seen {
  readonly name: string
  readonly url: string
  readonly headers: Record<string, string>
}

/** Reads the response of an app of {@link apps}. */
export const seenIn = ({ body }: { body: string }): Seen => JSON.parse(body) as Seen
