import type { Order, Report } from './messages.ts'
import { Node } from './node.ts'

// The process of a run's node. The run starts it inside of the network, with a channel, and it ends with the run.
const report = (message: Report): void => void process.send?.(message)
process.once('disconnect', () => process.exit(0))

const node = new Node(process.argv[2] as string, report)
const started = node.start()
process.on('message', (order: Order) => void started.then(() => node.take(order)))
started.then(
  () => report({ type: 'done', id: 0 }),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(1)
  },
)
