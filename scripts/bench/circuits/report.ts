import { once } from 'node:events'
import { Agent, createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { RelayProcess } from '../../../runtime/relay/fixture-process.ts'
import { usage } from '../processes.ts'
import { type Benchmark, printTable, printVerdicts, type Verdict } from '../verdict.ts'
import { addCircuits, DeploymentBench } from './deployment.ts'

const FEW = 10
const MANY = 10_000
/** Circuits that are registered over REST, one transaction each. */
const BULK = 50
const REQUESTS = 1_500
const WARM = 500
const ROUNDS = 5
const AT_ONCE = 8
const DEPLOYED_MS = 1_000
const RESTARTED_MS = 3_000
/** The look-up is a part of what a request costs. Two measurements of the same differ by this much. */
const FLAT = 1.25

/** Measures how soon 10,000 circuits are deployed, whether a request costs more with them, and the restart of a worker. */
export const circuits: Benchmark = async () => {
  const app = createServer((_, response) => response.end('app')).listen(0, '127.0.0.1')
  await once(app, 'listening')
  const address = `127.0.0.1:${(app.address() as AddressInfo).port}`
  const bench = await DeploymentBench.start()
  try {
    const figures = await measure(bench, address)
    const verdicts = judge(figures)
    printTable(
      ['what', 'figure'],
      Object.entries(figures).map(([what, figure]) => [what, figure.toFixed(2)]),
    )
    printVerdicts(verdicts)
    return { figures, verdicts }
  } finally {
    await bench.stop()
    app.close()
  }
}

async function measure(bench: DeploymentBench, address: string) {
  const { store } = bench.coordinator
  let worker = await bench.startWorker()
  await bench.acknowledged(await addCircuits(store, 'few-', FEW, address))
  const few = await roundsOf(worker, 'few-', FEW)
  const bulkMsPerCircuit = (await timed(() => registerBulk(bench, address))) / BULK
  const epoch = await addCircuits(store, 'many-', MANY, address)
  const before = await cpuMs(worker)
  const deployedMs = await timed(() => bench.acknowledged(epoch))
  const deployedCpuMs = (await cpuMs(worker)) - before
  const many = await roundsOf(worker, 'many-', MANY)
  const fewAgain = await roundsOf(worker, 'few-', FEW)
  // The worker writes its last table when it ends.
  await worker.end()
  await bench.coordinator.stop()
  const restartedMs = await timed(async () => {
    worker = await bench.startWorker()
    const status = await visit(worker.httpPort, `many-${MANY}`, new Agent())
    if (status !== 200) throw new Error(`the restarted worker responds with ${status}`)
  })
  const restartedCpuMs = (await usage([worker.pid])).cpuSeconds * 1_000
  await worker.end()
  const fewMicroseconds = Math.min(few, fewAgain)
  return {
    deployedMs,
    deployedCpuMs,
    bulkMsPerCircuit,
    fewMicroseconds,
    manyMicroseconds: many,
    lookUpRatio: many / fewMicroseconds,
    deployedShare: deployedMs / DEPLOYED_MS,
    restartedMs,
    restartedCpuMs,
  }
}

type Figures = Awaited<ReturnType<typeof measure>>

const judge = ({ deployedMs, lookUpRatio, restartedMs }: Figures): Verdict[] => [
  {
    target: `${MANY} circuits are deployed (commit to acknowledgement) in < ${DEPLOYED_MS} ms`,
    reached: `${deployedMs.toFixed(0)} ms`,
    met: deployedMs < DEPLOYED_MS,
  },
  {
    target: `CPU per request with ${MANY} circuits at most ${FLAT} × that with ${FEW}`,
    reached: lookUpRatio.toFixed(2),
    met: lookUpRatio <= FLAT,
  },
  {
    target: `a worker that restarts without a coordinator serves ${MANY} circuits in < ${RESTARTED_MS} ms`,
    reached: `${restartedMs.toFixed(0)} ms`,
    met: restartedMs < RESTARTED_MS,
  },
]

/** CPU of the coordinator, which is this process, and of a worker. On a busy machine it says more than the time. */
const cpuMs = async (worker: RelayProcess): Promise<number> =>
  (await usage([process.pid, worker.pid])).cpuSeconds * 1_000

async function registerBulk({ client }: DeploymentBench, address: string): Promise<void> {
  const create = Array.from({ length: BULK }, (_, index) => ({
    key: `bulk-${index}`,
    frontend: { type: 'subdomain' as const },
    access: { type: 'public' as const },
    targets: [{ id: 'a', address }],
  }))
  const { results } = await client.changeCircuits({ body: { create } })
  const refused = results.find(({ status }) => status !== 201)
  if (refused !== undefined) throw new Error(`${refused.key} was refused with ${refused.status}`)
}

/** CPU of the worker per request in microseconds: the least of several rounds, because other work only adds. */
async function roundsOf(worker: RelayProcess, prefix: string, count: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  await requests(worker, agent, prefix, count, WARM)
  const costs: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = (await usage([worker.pid])).cpuSeconds
    await requests(worker, agent, prefix, count, REQUESTS)
    costs.push((((await usage([worker.pid])).cpuSeconds - before) * 1_000_000) / REQUESTS)
  }
  agent.destroy()
  return Math.min(...costs)
}

/** As many different circuits in each case: connections to many apps cost more than to few, whatever the table. */
async function requests(
  { httpPort }: RelayProcess,
  agent: Agent,
  prefix: string,
  count: number,
  total: number,
): Promise<void> {
  let sent = 0
  const one = async (): Promise<void> => {
    while (sent < total) {
      const label = `${prefix}${1 + (((sent++ % FEW) * 7_919) % count)}`
      const status = await visit(httpPort, label, agent)
      if (status !== 200) throw new Error(`${label} responds with ${status}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
}

async function visit(port: number, label: string, agent: Agent): Promise<number | undefined> {
  const headers = { host: `${label}.localhost` }
  const [response] = (await once(get({ host: '127.0.0.1', port, agent, headers }), 'response')) as [
    IncomingMessage,
  ]
  response.resume()
  await once(response, 'end')
  return response.statusCode
}

async function timed(run: () => Promise<void>): Promise<number> {
  const startMs = performance.now()
  await run()
  return performance.now() - startMs
}
