import { isOpen } from '@branchline/wire/circuits/open'
import type { Logger } from '../../../../process/log.ts'
import { listen } from '../../../../transport/tcp.ts'
import type { ServedCircuit } from '../../circuits/served-circuit.ts'
import type { CircuitListener, CircuitReport } from '../../circuits/served-circuits.ts'
import type { TcpCircuits } from '../../circuits/tcp-circuits.ts'
import { DEFAULT_PORT_LIMITS, type PortLimits } from './limits.ts'
import { type Bound, CircuitPort, type PortOwner } from './port.ts'

export interface PortsOptions {
  /** The address to listen on. */
  readonly host: string
  readonly tcp: TcpCircuits
  /** Opens a listener for HTTP on a port. The circuit with this id serves all of its requests. */
  readonly listenForHttp: (port: number, circuit: string) => Promise<Bound>
  readonly limits?: Partial<PortLimits>
  readonly logger: Logger
  /** A circuit's port cannot be opened, or now is. */
  readonly onCircuit: (report: CircuitReport) => void
}

/**
 * The ports of circuits: one listener for each circuit that has a port and may be reached without a token. Each is
 * independent of all others.
 */
export class Ports implements CircuitListener, PortOwner {
  readonly #options: PortsOptions
  readonly #limits: PortLimits
  readonly #ports = new Map<string, CircuitPort>()
  readonly #circuits = new Map<string, ServedCircuit>()
  /** Circuits whose port could not be opened, as reported. */
  readonly #faulty = new Set<string>()
  /** By circuit: its protocol when its port was opened. */
  readonly #kinds = new Map<string, 'tcp' | 'http'>()

  constructor(options: PortsOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_PORT_LIMITS, ...options.limits }
  }

  /** Open ports. */
  get size(): number {
    let open = 0
    for (const port of this.#ports.values()) if (port.isBound) open++
    return open
  }

  served(served: ServedCircuit): void {
    const { id, frontend, draining } = served.circuit
    if (frontend.type !== 'port') return
    const kind = this.#kindOf(served)
    const before = this.#ports.get(id)
    this.#circuits.set(id, served)
    if (before !== undefined && before.number === frontend.port && this.#kinds.get(id) === kind) return
    if (before !== undefined) this.#close(before)
    if (kind !== undefined) this.#open(served, frontend.port, kind)
    if (draining) this.#options.tcp.retire(served, this.#limits.drainMs)
  }

  removed(served: ServedCircuit): void {
    const port = this.#ports.get(served.id)
    this.#circuits.delete(served.id)
    this.#faulty.delete(served.id)
    if (port !== undefined) this.#close(port)
    this.#options.tcp.retire(served, this.#limits.drainMs)
  }

  bound({ circuit: id, number: port }: CircuitPort): void {
    this.#options.logger.info({ circuit: id, port }, 'a port is open')
    if (this.#faulty.delete(id)) this.#report(id, undefined)
  }

  failed({ circuit: id, number: port }: CircuitPort, reason: string): void {
    if (this.#faulty.has(id)) return
    this.#faulty.add(id)
    this.#options.logger.warn({ circuit: id, port, reason }, 'a port cannot be opened, and is tried again')
    this.#report(id, reason)
  }

  /** Closes all ports. Resolves when all TCP connections have ended, after the drain time at the latest. */
  stop(): Promise<void> {
    for (const port of this.#ports.values()) port.close()
    this.#ports.clear()
    return this.#options.tcp.retireAll(this.#limits.drainMs)
  }

  /** The protocol that a circuit's port has. Undefined if the circuit has no open port. */
  #kindOf({ circuit }: ServedCircuit): 'tcp' | 'http' | undefined {
    if (circuit.draining || !isOpen({ ...circuit, frontend: circuit.frontend.type })) return undefined
    if (circuit.backend === 'traefik') return undefined
    return circuit.backend === 'tcp' ? 'tcp' : 'http'
  }

  #open({ id }: ServedCircuit, number: number, kind: 'tcp' | 'http'): void {
    const port = new CircuitPort(id, number, {
      open: () => (kind === 'tcp' ? this.#listenForTcp(id, number) : this.#options.listenForHttp(number, id)),
      owner: this,
      limits: this.#limits.bind,
    })
    this.#ports.set(id, port)
    this.#kinds.set(id, kind)
    void port.open()
  }

  #listenForTcp(id: string, port: number): Promise<Bound> {
    return listen({ host: this.#options.host, port }, (transport) => {
      const served = this.#circuits.get(id)
      if (served === undefined) transport.destroy()
      else this.#options.tcp.serve(served, transport)
    })
  }

  #close(port: CircuitPort): void {
    this.#ports.delete(port.circuit)
    this.#kinds.delete(port.circuit)
    this.#faulty.delete(port.circuit)
    port.close()
    if (this.#faulty.size === 0) return
    // Another circuit may wait for the port.
    for (const other of this.#ports.values()) if (other.number === port.number) void other.open()
  }

  #report(id: string, reason: string | undefined): void {
    const version = this.#circuits.get(id)?.circuit.version ?? 0
    this.#options.onCircuit({ id, version, ...(reason !== undefined && { reason }) })
  }
}
