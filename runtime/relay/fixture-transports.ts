import { createServer } from 'node:http'
import { Writable } from 'node:stream'
import { WORKERS_SUBPROTOCOL } from '@branchline/wire/circuits/protocol'
import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import type { WorkerFacts } from '@branchline/wire/circuits/worker'
import { type Logger, pino } from 'pino'
import { WebSocketServer } from 'ws'
import { Cable } from '../etcd/cable.fixture.ts'
import { QUICK, silent, type TestEtcd } from '../etcd/fixture.ts'
import { later } from '../testing/cleanups.ts'
import { listenOn } from '../testing/ports.ts'
import type { Caller } from './coordinator/circuits/caller.ts'
import type { CircuitContext } from './coordinator/circuits/context.ts'
import { addCaller, testContext } from './coordinator/circuits/fixture.ts'
import type { TestServer } from './coordinator/store/fixture.ts'
import { joinLocal } from './coordinator/workers/join.ts'
import { Leading } from './coordinator/workers/leading.ts'
import { DEFAULT_WORKERS_LIMITS, type WorkersLimits } from './coordinator/workers/limits.ts'
import { DEFAULT_RELAY_LIMITS } from './limits.ts'
import { EtcdLink } from './worker/etcd/etcd-link.ts'
import { DEFAULT_UPSTREAM_LIMITS } from './worker/upstream/limits.ts'
import { Upstream } from './worker/upstream/upstream.ts'

/** What a worker has got over a transport. */
export interface Follower {
  /** By key. */
  readonly circuits: ReadonlyMap<string, DeployedCircuit>
  /** The (term, epoch) of each table, in order. */
  readonly steps: readonly (readonly [term: number, epoch: number])[]
  /** The connection to its source. */
  readonly cable: Cable
  stop(): Promise<void>
}

/** Coordinators on one database, of which the last to lead is the one that workers reach. */
export class TestCoordinators {
  readonly context: CircuitContext
  readonly caller: Caller
  readonly #etcd: TestEtcd | undefined
  readonly #logger: Logger
  readonly #lines: string[] = []
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => WORKERS_SUBPROTOCOL })
  #current: Leading | undefined
  #url = ''

  static async start(server: TestServer, etcd?: TestEtcd): Promise<TestCoordinators> {
    const { store } = await server.testStore()
    const coordinators = new TestCoordinators(testContext(store), await addCaller(store), etcd)
    await coordinators.#listen()
    return coordinators
  }

  private constructor(context: CircuitContext, caller: Caller, etcd: TestEtcd | undefined) {
    this.context = context
    this.caller = caller
    this.#etcd = etcd
    const lines = new Writable({
      write: (line: Buffer, _encoding, done) => {
        this.#lines.push(line.toString())
        done()
      },
    })
    this.#logger = pino({ level: 'info' }, lines)
  }

  /** Everything that was logged. */
  get log(): string {
    return this.#lines.join('')
  }

  /** A coordinator begins to lead. One of a lower term does so when it wakes up after a pause. */
  async lead(term: number, limits: Partial<WorkersLimits> = {}): Promise<Leading> {
    const { context } = this
    await context.store.write((tx) =>
      tx.updateTable('relay').set({ term }).where('term', '<', term).execute(),
    )
    const leading = new Leading({
      context,
      limits: { ...DEFAULT_WORKERS_LIMITS, ...limits },
      previewLimits: DEFAULT_RELAY_LIMITS,
      logger: this.#logger,
      urlOf: (label) => label,
      redeem: () => Promise.resolve({ refusal: 'not in this test' }),
      etcd: this.#etcd?.client(),
    })
    later(() => leading.stop())
    leading.change(term)
    this.reach(leading)
    return leading
  }

  /** Workers reach this coordinator from now on. */
  reach(leading: Leading): void {
    this.#current = leading
    for (const socket of this.#sockets.clients) socket.terminate()
  }

  /** A worker that follows over WebSocket. */
  async followLink(facts: WorkerFacts): Promise<Follower> {
    const { credential } = await joinLocal(this.context.store, facts)
    const cable = await Cable.to(this.#url)
    const backoff = { firstMs: 5, maxMs: 50 }
    const upstream = new Upstream({
      coordinators: [cable.url],
      credential: () => Promise.resolve(credential),
      onUnknown: () => undefined,
      limits: {
        ...DEFAULT_UPSTREAM_LIMITS,
        subscription: { ...DEFAULT_UPSTREAM_LIMITS.subscription, backoff },
      },
      logger: this.#logger,
      file: undefined,
      onTable: ({ circuits }) => {
        follower.circuits = byKey(circuits)
        const { term, epoch } = upstream.served ?? { term: -1, epoch: -1 }
        follower.steps.push([term, epoch])
      },
      onNotice: () => undefined,
      introduce: () => [],
    })
    const follower = { ...newFollower(cable), stop: () => upstream.stop('the test ends') }
    later(follower.stop)
    await upstream.start()
    return follower
  }

  /** A worker that follows over etcd. */
  async followEtcd(facts: WorkerFacts): Promise<Follower> {
    const cable = await Cable.to(this.#etcd?.url ?? '')
    const link = new EtcdLink({
      address: { endpoints: [cable.url] },
      limits: QUICK,
      facts: () => facts,
      logger: silent,
      onTable: ({ circuits, term, epoch }) => {
        follower.circuits = byKey(circuits)
        follower.steps.push([term, epoch])
      },
    })
    const follower = { ...newFollower(cable), stop: () => link.stop() }
    later(follower.stop)
    link.start()
    return follower
  }

  async #listen(): Promise<void> {
    const server = createServer().on('upgrade', async (request, socket, head) => {
      const decision = (await this.#current?.authorize(request)) ?? { status: 503 }
      if ('accept' in decision) this.#sockets.handleUpgrade(request, socket, head, decision.accept)
      else socket.destroy()
    })
    this.#sockets.on('connection', () => undefined)
    this.#url = `http://127.0.0.1:${await listenOn(server)}`
    later(() => {
      server.closeAllConnections()
      server.close()
      for (const socket of this.#sockets.clients) socket.terminate()
    })
  }
}

interface MutableFollower {
  circuits: ReadonlyMap<string, DeployedCircuit>
  readonly steps: [number, number][]
  readonly cable: Cable
}

const newFollower = (cable: Cable): MutableFollower => ({ circuits: new Map(), steps: [], cable })

const byKey = (circuits: ReadonlyMap<string, DeployedCircuit>): ReadonlyMap<string, DeployedCircuit> =>
  new Map([...circuits.values()].map((circuit) => [circuit.key, circuit]))

/** A worker of a group, by default of the default group. */
export const factsFor = (name: string, more: Partial<WorkerFacts> = {}): WorkerFacts => ({
  name,
  group: 'default',
  version: '0.0.0',
  labels: {},
  backends: ['http'],
  addresses: {},
  maxCircuits: 100_000,
  ...more,
})
