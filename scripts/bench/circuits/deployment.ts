import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { createClient } from '@branchline/wire/circuits/client'
import { createLogger } from '../../../runtime/process/log.ts'
import {
  DEFAULT_COORDINATOR_LIMITS,
  type RunningCoordinator,
  startCoordinator,
} from '../../../runtime/relay/coordinator/coordinator.ts'
import { testServer } from '../../../runtime/relay/coordinator/store/fixture.ts'
import type { Store } from '../../../runtime/relay/coordinator/store/store.ts'
import { DialPolicy } from '../../../runtime/relay/dial-policy.ts'
import { RelayProcess } from '../../../runtime/relay/fixture-process.ts'
import { DEFAULT_RELAY_LIMITS } from '../../../runtime/relay/limits.ts'

/** How often the benchmark looks whether a worker has acknowledged a table. */
const LOOK_MS = 2

/** A coordinator in this process with a real PostgreSQL, and a worker in a process of its own. */
export class DeploymentBench {
  readonly coordinator: RunningCoordinator
  readonly client: ReturnType<typeof createClient>
  readonly #folder: string
  readonly #close: () => Promise<void>
  #joinToken: string | undefined

  private constructor(coordinator: RunningCoordinator, folder: string, close: () => Promise<void>) {
    this.coordinator = coordinator
    this.client = createClient({
      url: `http://127.0.0.1:${coordinator.apiPort}`,
      key: coordinator.ownerKey ?? '',
    })
    this.#folder = folder
    this.#close = close
  }

  static async start(): Promise<DeploymentBench> {
    const server = await testServer()
    const { store, address } = await server.testStore()
    await store.close()
    if ('connectionString' in address) throw new Error('the server of a test has a socket')
    const { host, port, user, database } = address
    const coordinator = await startCoordinator({
      location: {
        url: `postgres://${user}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`,
      },
      host: '127.0.0.1',
      apiPort: 0,
      limits: DEFAULT_COORDINATOR_LIMITS,
      previewLimits: DEFAULT_RELAY_LIMITS,
      logger: createLogger('bench', 'silent'),
      domain: 'localhost',
      publicUrl: new URL('http://localhost:8080'),
      dialPolicy: new DialPolicy(['127.0.0.0/8']),
      urlOf: (label) => `http://${label}.localhost:8080`,
    })
    const folder = await mkdtemp(join(tmpdir(), 'branchline-bench-'))
    return new DeploymentBench(coordinator, folder, () => server.stop())
  }

  /** Starts the worker, which finds the last table of the one before on disk. Resolves when it serves a table. */
  async startWorker(): Promise<RelayProcess> {
    this.#joinToken ??= (await this.client.createJoinToken({ body: { name: 'bench' } })).secret
    return RelayProcess.start({
      BRANCHLINE_ROLE: 'worker',
      BRANCHLINE_WORKER_NAME: 'bench',
      BRANCHLINE_COORDINATORS: `http://127.0.0.1:${this.coordinator.apiPort}`,
      BRANCHLINE_JOIN_TOKEN: this.#joinToken,
      BRANCHLINE_STATE_DIR: this.#folder,
      BRANCHLINE_LOG_LEVEL: 'error',
    })
  }

  /** Resolves when the worker has acknowledged an epoch. */
  async acknowledged(epoch: number): Promise<void> {
    const served = (): number => {
      const { workers } = this.coordinator.leading
      const [worker = ''] = workers?.connected ?? []
      return workers?.servedEpochOf(worker) ?? -1
    }
    while (served() < epoch) await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }

  async stop(): Promise<void> {
    await this.coordinator.stop()
    await this.#close()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Adds public circuits `<prefix><number>` with one target each, as one change. Returns its epoch. */
export async function addCircuits(
  store: Store,
  prefix: string,
  count: number,
  address: string,
): Promise<number> {
  const { epoch } = await store.change({ actor: 'system' }, async ({ tx }) => {
    await sql`
      insert into circuits (key, owner, frontend, host_label, spec)
      select ${prefix} || n, '[{"type":"key","id":"bench"}]', 'subdomain', ${prefix} || n, '{"access":{"type":"public"}}'
      from generate_series(1, ${count}::integer) as n`.execute(tx)
    await sql`
      insert into targets (circuit_id, id, kind, spec)
      select id, 'a', 'address', jsonb_build_object('address', ${address}::text)
      from circuits where key like ${`${prefix}%`}`.execute(tx)
  })
  return epoch
}
