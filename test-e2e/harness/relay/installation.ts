import { randomInt } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@branchline/runtime/process/temporary'
import { freePort, freePortAt } from '@branchline/runtime/testing/ports'
import { type Client, createClient } from '@branchline/wire/circuits/client'
import type { Circuit } from '@branchline/wire/circuits/circuit'
import { type Postgres, type PostgresOptions, servePostgres, startPostgres } from '../../shop/postgres.ts'
import { until } from '../until.ts'
import { visit } from '../visit.ts'
import { type App, startTcpApp, WebApp } from './apps.ts'
import { RelayProcess } from './process.ts'
import { TcpClient, Visitors } from './visitors.ts'

/** Longer than anything takes on a busy machine. */
const READY_TIMEOUT_MS = 45_000
const RANGE = 20

/**
 * A relay as a team runs it: a PostgreSQL server, two coordinators and two workers, each a process of its own. Every
 * worker has an address of its own on loopback, so that all of them can listen on the same ports.
 */
export class Installation {
  readonly folder = temporaryFolder('relay')
  readonly coordinators: RelayProcess[] = []
  readonly workers: RelayProcess[] = []
  /** The addresses of the workers. */
  readonly hosts: readonly [string, string]
  /** The range of ports for circuits. */
  readonly range: { readonly from: number; readonly to: number }
  readonly visitors: Visitors
  readonly #apps: App[] = []
  readonly #admins: number[] = []
  readonly #postgresOptions: PostgresOptions
  #postgres: Postgres | undefined
  #key = ''

  private constructor(hosts: readonly [string, string], port: number, databasePort: number) {
    this.hosts = hosts
    this.visitors = new Visitors(port)
    const from = 26_000 + RANGE * randomInt(250)
    this.range = { from, to: from + RANGE - 1 }
    const data = join(this.folder, 'postgres')
    mkdirSync(data)
    this.#postgresOptions = {
      data,
      host: '127.0.0.1',
      port: databasePort,
      user: 'relay',
      password: 'relay',
      schema: 'select 1;\n',
      settings: {},
    }
  }

  static async start(): Promise<Installation> {
    const net = `127.${64 + randomInt(128)}.${randomInt(250)}`
    const hosts = [`${net}.1`, `${net}.2`] as const
    const [port, databasePort] = [await freePortAt(hosts), await freePort()]
    const installation = new Installation(hosts, port, databasePort)
    try {
      await installation.#start()
      return installation
    } catch (error) {
      await installation.stop()
      throw error
    }
  }

  async #start(): Promise<void> {
    this.#postgres = await startPostgres(this.#postgresOptions)
    await this.#databaseAccepts()
    for (const index of [0, 1]) {
      this.#admins.push(await freePort())
      const coordinator = new RelayProcess(this.#coordinating(index, await freePort()))
      this.coordinators.push(coordinator)
      await coordinator.start()
      this.#key ||= coordinator.addresses.key ?? ''
    }
    const { secret } = await this.client().createJoinToken({ body: { name: 'workers' } })
    const started = this.hosts.map((_host, index) => {
      const worker = new RelayProcess(this.#working(index, secret))
      this.workers.push(worker)
      return worker.start()
    })
    await Promise.all(started)
  }

  #coordinating(index: number, apiPort: number): Record<string, string> {
    const { user, password, host, port } = this.#postgresOptions
    return {
      ...this.#shared,
      BRANCHLINE_ROLE: 'coordinator',
      DATABASE_URL: `postgres://${user}:${password}@${host}:${port}/${user}`,
      POD_IP: '127.0.0.1',
      BRANCHLINE_API_PORT: String(apiPort),
      BRANCHLINE_ADMIN_PORT: String(this.#admins[index]),
    }
  }

  #working(index: number, joinToken: string): Record<string, string> {
    const name = NAMES[index] as string
    return {
      ...this.#shared,
      BRANCHLINE_ROLE: 'worker',
      BRANCHLINE_COORDINATORS: this.coordinators.map(({ addresses }) => addresses.api).join(','),
      BRANCHLINE_JOIN_TOKEN: joinToken,
      BRANCHLINE_WORKER_NAME: name,
      BRANCHLINE_PORTS: `${this.range.from}-${this.range.to}`,
      BRANCHLINE_STATE_DIR: join(this.folder, name),
      POD_IP: this.hosts[index] as string,
      BRANCHLINE_HTTP_PORT: String(this.visitors.port),
      BRANCHLINE_TUNNEL_PORT: '0',
      BRANCHLINE_ADMIN_PORT: '0',
    }
  }

  get #shared(): Record<string, string> {
    return {
      BRANCHLINE_PUBLIC_URL: `http://localhost:${this.visitors.port}`,
      BRANCHLINE_RELAY_TOKEN: 'token-of-the-tests-0123456789',
      BRANCHLINE_ALLOW_TARGETS: '127.0.0.0/8',
    }
  }

  /** The key of the owner. */
  get key(): string {
    return this.#key
  }

  /** The URL of a coordinator's API. */
  apiOf(coordinator = 0): string {
    return this.coordinators[coordinator]?.addresses.api ?? ''
  }

  /** A client of a coordinator that tries once. */
  client(coordinator = 0): Client {
    return createClient({ url: this.apiOf(coordinator), key: this.#key, limits: { retryMs: [] } })
  }

  /** The index of the coordinator that leads. */
  async leader(): Promise<number> {
    const { value } = await until('a coordinator leads', () => this.#leading(), READY_TIMEOUT_MS)
    return value
  }

  async #leading(): Promise<number> {
    for (const [index, port] of this.#admins.entries()) {
      const metrics = await visit(`http://127.0.0.1:${port}/metrics`).catch(() => undefined)
      if (/^branchline_coordinator_leads 1$/m.test(metrics?.body ?? '')) return index
    }
    throw new Error('no coordinator leads')
  }

  /** Waits until a circuit has a status, and all of these workers serve it. */
  async serving(
    key: string,
    { workers = NAMES, coordinator = 0 }: { workers?: readonly string[]; coordinator?: number } = {},
  ): Promise<{ circuit: Circuit; ms: number }> {
    const attempt = async (): Promise<Circuit> => {
      const circuit = await this.client(coordinator).getCircuit({ params: { key } })
      const { status, statusReason = '', workers: serving } = circuit
      if (status === 'HEALTHY' && serving.toSorted().join() === workers.join()) return circuit
      throw new Error(`${key} is ${status} (${statusReason}) at ${serving.join()}`)
    }
    const { value, ms } = await until(`${key} is HEALTHY at ${workers.join()}`, attempt, READY_TIMEOUT_MS)
    return { circuit: value, ms }
  }

  async web(name: string): Promise<WebApp> {
    const app = await WebApp.start(name)
    this.#apps.push(app)
    return app
  }

  async tcp(name: string): Promise<App> {
    const app = await startTcpApp(name)
    this.#apps.push(app)
    return app
  }

  async crashDatabase(): Promise<void> {
    await this.#postgres?.crash()
  }

  async startDatabase(): Promise<void> {
    this.#postgres = await servePostgres(this.#postgresOptions)
    await this.#databaseAccepts()
  }

  async #databaseAccepts(): Promise<void> {
    const { host, port } = this.#postgresOptions
    const connect = async (): Promise<void> => void (await TcpClient.connect(host, port)).socket.destroy()
    await until('PostgreSQL listens', connect, READY_TIMEOUT_MS)
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    await Promise.all([...this.workers, ...this.coordinators].map((process) => process.end('SIGKILL')))
    await this.#postgres?.crash()
    for (const app of this.#apps) await app.stop().catch(() => undefined)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** The names of the workers. */
const NAMES = ['one', 'two'] as const
