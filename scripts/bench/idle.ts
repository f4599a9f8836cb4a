import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { contest } from './contest.ts'
import { contendersOf, IDLE_CONNECTIONS } from './contenders/index.ts'
import { usage } from './processes.ts'
import { type Benchmark, printTable, printVerdicts } from './verdict.ts'

const BATCH = 100
/** A connection without a response by then counts as closed. */
const ANSWER_TIMEOUT_MS = 10_000
const REQUEST = 'GET /100 HTTP/1.1\r\nhost: api\r\ntracestate: branchline=alice\r\n\r\n'

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy())
  socket.write(REQUEST)
  await Promise.race([once(socket, 'data'), once(socket, 'close')])
  return socket.setTimeout(0)
}

/** Measures the memory of connections that stay open after one response each. */
export const idle: Benchmark = () => {
  const upstream = { script: join(import.meta.dirname, 'http/upstream.ts') }
  return contest(upstream, contendersOf('idle'), 1000, async ({ running, missing }) => {
    const rows: { name: string; beforeMb: number; afterMb: number; open: number; kib: number }[] = []
    for (const [name, { port, pids }] of running) {
      const beforeMb = (await usage(pids)).rssMb
      const sockets: Socket[] = []
      while (sockets.length < IDLE_CONNECTIONS) {
        sockets.push(...(await Promise.all(Array.from({ length: BATCH }, () => open(port)))))
      }
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      const afterMb = (await usage(pids)).rssMb
      const still = sockets.filter(({ destroyed }) => !destroyed).length
      for (const socket of sockets) socket.destroy()
      rows.push({
        name,
        beforeMb,
        afterMb,
        open: still,
        kib: ((afterMb - beforeMb) * 1024) / IDLE_CONNECTIONS,
      })
    }
    printTable(
      ['hop', 'MB before', `MB with ${IDLE_CONNECTIONS} idle`, 'KiB each', 'still open'],
      rows.map(({ name, beforeMb, afterMb, kib, open }) => [
        name,
        beforeMb.toFixed(0),
        afterMb.toFixed(0),
        kib.toFixed(1),
        open,
      ]),
    )
    printVerdicts([], missing)
    return { rows, missing }
  })
}
