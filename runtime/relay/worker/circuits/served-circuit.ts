import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import type { HeadEdits } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import type { DialPolicy } from '../../dial-policy.ts'
import type { EditOptions } from '../visitors/head-edits.ts'
import { Balancer } from './balancer.ts'
import type { CircuitCounts } from './circuit-metrics.ts'
import { Allowance } from './circuit-limits.ts'
import { RequestEdits, type Sender } from './request-edits.ts'
import { ServedTarget } from './served-target.ts'
import { stickyCookie, stickyValue, stickyValueIn, targetOfAddress } from './stickiness.ts'
import type { Usage } from './usage.ts'

export interface ServedOptions {
  readonly policy: DialPolicy
  readonly edits: EditOptions
  readonly usage: Usage
  readonly counts: CircuitCounts
}

/** Which targets a request goes to. */
export interface Choice {
  readonly targets: readonly ServedTarget[]
  /** The target that the client's cookie names, if it takes requests. */
  readonly known?: ServedTarget | undefined
}

/** What the key of a preview begins with. Its label follows. */
const PREVIEW = 'preview/'

/**
 * A circuit as this worker serves it. Its load, health, limits and turns belong to the circuit's id, so they outlive
 * changes of the circuit and are independent of all other circuits.
 */
export class ServedCircuit {
  circuit: DeployedCircuit
  readonly allowance = new Allowance()
  readonly usage: Usage
  readonly counts: CircuitCounts
  targets: readonly ServedTarget[] = []
  readonly #options: ServedOptions
  readonly #balancer: Balancer<ServedTarget>
  #edits = new Map<ServedTarget, RequestEdits>()
  /** By the value of the cookie. Undefined if there is none. */
  #sticky: ReadonlyMap<string, ServedTarget> | undefined = undefined

  constructor(circuit: DeployedCircuit, options: ServedOptions) {
    this.circuit = circuit
    this.usage = options.usage
    this.counts = options.counts
    this.#options = options
    this.#balancer = new Balancer<ServedTarget>(circuit.balancing, [])
    this.update(circuit)
  }

  get id(): string {
    return this.circuit.id
  }

  /** What kind of circuit it is, for metrics. */
  get kind(): 'preview' | 'subdomain' | 'port' {
    const { key, frontend } = this.circuit
    return key.startsWith(PREVIEW) ? 'preview' : frontend.type
  }

  /** The cluster to which it leads. Undefined if its first target is no service of a cluster. */
  get cluster(): string | undefined {
    return this.targets[0]?.deployed.cluster?.name
  }

  /** The label under which clusters list it, if it is a preview. */
  get label(): string {
    const { frontend, key } = this.circuit
    if (key.startsWith(PREVIEW)) return key.slice(PREVIEW.length)
    return frontend.type === 'subdomain' ? (frontend.hosts[0] ?? '') : ''
  }

  /** Applies another version of the circuit. */
  update(circuit: DeployedCircuit): void {
    this.circuit = circuit
    const { policy, edits } = this.#options
    const known = new Map(this.targets.map((target) => [target.id, target]))
    this.targets = circuit.targets.map((deployed) => {
      const before = known.get(deployed.id)
      if (before?.isSame(deployed) !== true) return new ServedTarget(deployed, policy)
      before.deployed = deployed
      return before
    })
    this.#edits = new Map(
      this.targets.map((target) => [target, new RequestEdits(circuit, target.deployed, edits)]),
    )
    this.#sticky =
      circuit.stickiness === 'cookie'
        ? new Map(this.targets.map((target) => [stickyValue(circuit.id, target.id), target]))
        : undefined
    this.allowance.update(circuit.limits, performance.now())
    this.#balancer.update(circuit.balancing, this.targets)
  }

  /** The health of a target has changed. */
  changed(): void {
    this.#balancer.changed()
  }

  /** The targets that may get a new request now. */
  usable(nowMs: number): readonly ServedTarget[] {
    return this.#balancer.usable(nowMs)
  }

  /** The targets for one request, in order. Empty if none takes requests. */
  choose(head: Pick<Head, 'get'>, sender: Sender, nowMs: number): Choice {
    if (this.#sticky !== undefined && this.targets.length > 1)
      return this.#byCookie(this.#sticky, head, sender, nowMs)
    return { targets: this.chooseFor(sender.address, nowMs) }
  }

  /** The same for a connection without a head. */
  chooseFor(address: string | undefined, nowMs: number): readonly ServedTarget[] {
    if (this.circuit.stickiness !== 'address') return this.#balancer.pick(nowMs)
    return this.#balancer.pick(nowMs, targetOfAddress(address, this.#balancer.usable(nowMs)))
  }

  /**
   * The edits of a response of this target: our cookie, unless the client has it already. Undefined without such a
   * cookie.
   */
  stickyEditsOf(target: ServedTarget, { secure }: Sender): HeadEdits | undefined {
    if (this.#sticky === undefined || this.targets.length < 2) return undefined
    return { add: [['set-cookie', stickyCookie(this.circuit, target.id, secure)]] }
  }

  editsOf(target: ServedTarget, head: Head, sender: Sender, more: HeadEdits): HeadEdits {
    return (this.#edits.get(target) as RequestEdits).of(head, sender, more)
  }

  #byCookie(
    sticky: ReadonlyMap<string, ServedTarget>,
    head: Pick<Head, 'get'>,
    { secure }: Sender,
    nowMs: number,
  ): Choice {
    const value = stickyValueIn(head, this.circuit, secure)
    const known = value === undefined ? undefined : sticky.get(value)
    if (known === undefined || !this.#balancer.usable(nowMs).includes(known))
      return { targets: this.#balancer.pick(nowMs) }
    return { targets: this.#balancer.pick(nowMs, known), known }
  }
}
