import type { DeployedCircuit, WorkerTable } from '@branchline/wire/circuits/table'
import type { Route } from '../../../proxy/decision.ts'
import type { Access } from '../access/access.ts'
import type { AccessClient } from '../access/handoff.ts'
import type { Circuits } from '../circuits/circuits.ts'
import type { WorkerCircuits } from '../circuits/index.ts'
import { hasRoom } from '../circuits/tcp-circuits.ts'
import type { Visitors } from '../visitors/visitors.ts'
import { TableIndex } from '../table-index.ts'
import { Forward } from './forward.ts'

/** Carries raw TCP to the circuits of a worker, of any backend. */
export function circuitForward(
  access: Access,
  { served, tcp }: Pick<WorkerCircuits, 'served' | 'tcp'>,
  table: () => WorkerTable,
): Forward {
  const keys = new TableIndex(
    () => table().circuits,
    ({ key }) => key,
  )
  return new Forward({
    access,
    circuit: (key) => keys.find(key),
    join: (circuit, connection, { address }, onReached) => {
      const found = served.get(circuit.id)
      if (found === undefined) return `this worker does not serve ${circuit.key}`
      if (circuit.draining) return `${circuit.key} is being removed`
      if (isKeyed(circuit))
        return `${circuit.key} is HTTP to a service of a cluster, for which the relay writes the key: open its URL`
      if (!hasRoom(found))
        return `${circuit.key} has reached its limit of connections, or of connections per second`
      tcp.join(found, connection, address, () => {}, onReached)
      return undefined
    },
  })
}

/** Whether requests get a key, which a client could write itself if its bytes passed as they are. */
const isKeyed = ({ backend, targets }: DeployedCircuit): boolean =>
  backend !== 'tcp' && targets.some(({ cluster }) => cluster !== undefined)

/** The route of a worker: requests of `circuit forward`, of any host, and all others. */
export const routeOf =
  (forward: Forward, visitors: Visitors, circuits: Circuits): Route =>
  (head, client) => {
    // Of no other request is the sender needed here.
    const sender = (): AccessClient => ({ address: visitors.senderOf(client, head).address, secure: false })
    return forward.route(head, sender) ?? circuits.route(head, client)
  }
