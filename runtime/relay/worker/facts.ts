import type { DeployedWorker } from '@branchline/wire/circuits/table'
import type { Addresses, WorkerFacts } from '@branchline/wire/circuits/worker'
import type { RelayConfig } from '../config.ts'

/** The ports on which a worker listens. */
interface Ports {
  readonly httpPort: number
  readonly tunnelPort: number
}

/** What a worker says about itself. `adminPort` is that of its metrics. */
export function factsOf(
  { worker }: Pick<RelayConfig, 'worker'>,
  version: string,
  listening: Ports,
  adminPort: number,
): WorkerFacts {
  const { name, group, labels, ports, advertise, maxCircuits } = worker
  return {
    name,
    group,
    version,
    labels,
    backends: ['http', 'h2', 'tcp'],
    ...(ports !== undefined && { ports }),
    addresses: addressesOf(advertise, listening, adminPort),
    maxCircuits,
  }
}

/** How many workers a cluster is told to connect to, in addition to the one to which it is connected. */
const FURTHER_WORKERS = 2

/** The URLs at which clusters reach other workers. */
export function otherTunnels(workers: Iterable<DeployedWorker>, own: string): string[] {
  const ready = [...workers].filter(({ name, state }) => name !== own && state === 'ready')
  return ready
    .flatMap(({ addresses: { tunnel } }) => tunnel ?? [])
    .sort()
    .slice(0, FURTHER_WORKERS)
}

/** Where others reach this worker. Undefined host: they do not. */
function addressesOf(
  { host, tunnel }: RelayConfig['worker']['advertise'],
  { httpPort, tunnelPort }: Ports,
  adminPort: number,
): Addresses {
  const reached = host === undefined ? undefined : host.includes(':') ? `[${host}]` : host
  return {
    ...(tunnel !== undefined && { tunnel: tunnel.href }),
    ...(reached !== undefined && {
      http: `http://${reached}:${httpPort}`,
      peer: `ws://${reached}:${tunnelPort}`,
      portHost: host,
      metrics: `http://${reached}:${adminPort}/metrics`,
      ...(tunnel === undefined && { tunnel: `ws://${reached}:${tunnelPort}` }),
    }),
  }
}
