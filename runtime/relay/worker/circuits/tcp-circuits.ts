import type { Transport } from '../../../transport/transport.ts'
import { joinTcp, type TcpConnection, type TcpLimits } from '../backends/tcp.ts'
import type { Visitors } from '../visitors/visitors.ts'
import type { CircuitAccess } from './access.ts'
import type { PassiveHealth } from './health/passive.ts'
import type { PathFinder, TcpPath } from './paths.ts'
import type { ServedCircuit } from './served-circuit.ts'
import type { ServedCircuits } from './served-circuits.ts'

export interface TcpCircuitsOptions {
  readonly served: ServedCircuits
  readonly paths: PathFinder
  readonly access: Pick<CircuitAccess, 'admits'>
  readonly health: PassiveHealth
  readonly visitors: Visitors
  readonly limits: TcpLimits
}

/** The part of a drain in which idle connections end with a FIN, and the others with a RST at its end. */
const LAST_MS = 2_000

/** Joins TCP connections with targets of circuits. */
export class TcpCircuits {
  readonly #options: TcpCircuitsOptions
  readonly #open = new Map<ServedCircuit, Set<TcpConnection>>()
  #emptied: (() => void) | undefined = undefined

  constructor(options: TcpCircuitsOptions) {
    this.#options = options
  }

  /** Open connections of all circuits. */
  get open(): number {
    let open = 0
    for (const connections of this.#open.values()) open += connections.size
    return open
  }

  /** Ends all connections: idle ones with a FIN, the others with a RST a moment later. */
  cut(): void {
    for (const connections of this.#open.values())
      for (const connection of connections) connection.retire(LAST_MS, new Error('the worker is drained'))
  }

  /** Open connections of a circuit. */
  openOf(served: ServedCircuit): number {
    return this.#open.get(served)?.size ?? 0
  }

  /**
   * Serves a connection to a port of a circuit. It is closed at once if its address is not in the allow-list, or if it
   * exceeds a limit: TCP has no reply to say so.
   */
  serve(served: ServedCircuit, client: Transport): void {
    const { access, visitors } = this.#options
    const address = client.remoteAddress
    const visitor =
      access.admits(served.circuit, address) && hasRoom(served) ? visitors.arrive(address) : undefined
    if (visitor === undefined) {
      this.#options.served.metrics.connections.inc('refused')
      return client.destroy()
    }
    this.join(served, client, address, () => visitors.leave(visitor))
  }

  /** Joins a connection whose right and limits have been checked. `onReached` is called before its first byte. */
  join(
    served: ServedCircuit,
    client: Transport,
    address: string | undefined,
    onOver: () => void,
    onReached?: () => void,
  ): void {
    const { paths, health, limits, served: all } = this.#options
    const startedMs = performance.now()
    const upstreams = paths.findForTcp(served, address, startedMs)
    const use = new TcpUse(served, upstreams[0])
    all.metrics.openConnections++
    let reached = false
    const connections = this.#open.get(served) ?? new Set()
    this.#open.set(served, connections)
    const connection = joinTcp(client, upstreams, limits, {
      reached: ({ target }) => {
        reached = true
        onReached?.()
        health.succeeded(served, target)
      },
      refused: ({ target }) => health.failed(served, target, 'unreachable'),
      over: ({ forwardBytes, backwardBytes }) => {
        connections.delete(connection)
        if (connections.size === 0) this.#open.delete(served)
        if (this.#open.size === 0) this.#emptied?.()
        use.end()
        all.metrics.openConnections--
        all.metrics.connections.inc(reached ? 'reached' : 'failed')
        served.counts.moved(forwardBytes, backwardBytes)
        served.counts.done(reached ? 200 : 502, performance.now() - startedMs)
        onOver()
      },
    })
    connections.add(connection)
  }

  /** Ends the connections of a circuit that are open now. They go on until shortly before this time is over. */
  retire(served: ServedCircuit, withinMs: number): void {
    const connections = [...(this.#open.get(served) ?? [])]
    if (connections.length === 0) return
    const endMs = Math.min(LAST_MS, withinMs)
    const end = (): void => {
      for (const connection of connections)
        connection.retire(endMs, new Error('the circuit has been removed'))
    }
    setTimeout(end, withinMs - endMs).unref()
  }

  /** The same for all circuits. Resolves when all connections have ended. */
  async retireAll(withinMs: number): Promise<void> {
    for (const served of this.#open.keys()) this.retire(served, withinMs)
    if (this.#open.size > 0) await new Promise<void>((resolve) => (this.#emptied = resolve))
  }
}

/** A connection counts as a request of its circuit and of its target until it is over. */
class TcpUse {
  readonly #served: ServedCircuit
  readonly #path: TcpPath | undefined

  constructor(served: ServedCircuit, path: TcpPath | undefined) {
    this.#served = served
    this.#path = path
    served.usage.begin()
    served.counts.open++
    if (path !== undefined) path.target.outstanding++
  }

  end(): void {
    this.#served.usage.end()
    this.#served.counts.open--
    if (this.#path !== undefined) this.#path.target.outstanding--
  }
}

/** Whether a circuit takes another connection now. Counts it towards the rate. */
export const hasRoom = ({ usage, allowance }: ServedCircuit): boolean =>
  usage.open < allowance.connections && allowance.takeRequest(performance.now())
