import type { DeployedTarget } from '@branchline/wire/circuits/table'
import type { DialPolicy } from '../../dial-policy.ts'
import { AddressUpstream } from '../backends/address.ts'
import { LinkUpstream } from '../backends/cluster.ts'
import type { Live } from '../clusters/cluster.ts'
import type { Balanced } from './balancer.ts'
import { Ejection, type Failure } from './ejection.ts'
import type { StreamLink } from './links.ts'
import type { TargetReport, TargetStatus } from './target-report.ts'

/**
 * A target as this worker sees it: its connections, its load and its health. It outlives changes of its circuit, as long
 * as it leads to the same place.
 */
export class ServedTarget implements Balanced {
  deployed: DeployedTarget
  outstanding = 0
  /** What checks say. UNKNOWN without a check, and before the first one: such a target gets requests. */
  status: TargetStatus = 'UNKNOWN'
  /** The last report about its health. */
  report: TargetReport | undefined = undefined
  readonly address: AddressUpstream | undefined
  readonly #ejection = new Ejection()
  #live: Live<StreamLink> | undefined = undefined
  #links: readonly LinkUpstream[] = []

  constructor(deployed: DeployedTarget, policy: DialPolicy) {
    this.deployed = deployed
    this.address = deployed.address === undefined ? undefined : new AddressUpstream(deployed.address, policy)
  }

  get id(): string {
    return this.deployed.id
  }

  get weight(): number {
    return this.deployed.weight
  }

  get takes(): boolean {
    return !this.deployed.draining && this.status !== 'UNHEALTHY' && this.deployed.devbox === undefined
  }

  get ejectedUntilMs(): number {
    return this.#ejection.untilMs
  }

  /** Whether another description leads to the same place. */
  isSame({ address, cluster, devbox }: DeployedTarget): boolean {
    const own = this.deployed
    return address === own.address && devbox === own.devbox && isSameCluster(cluster, own.cluster)
  }

  /** One upstream for each link of a live cluster. */
  linksOf(live: Live<StreamLink>): readonly LinkUpstream[] {
    if (this.#live === live) return this.#links
    this.#live = live
    const { cluster } = this.deployed
    this.#links = cluster === undefined ? [] : live.links.map((link) => new LinkUpstream(cluster, link))
    return this.#links
  }

  /** A request succeeded. True if the target gets requests again because of it. */
  succeeded(): boolean {
    return this.#ejection.succeeded()
  }

  /** A request failed. True if the target gets no further ones for now. */
  failed(how: Failure, nowMs: number): boolean {
    return this.#ejection.failed(how, nowMs)
  }
}

function isSameCluster(one: DeployedTarget['cluster'], two: DeployedTarget['cluster']): boolean {
  if (one === undefined || two === undefined) return one === two
  return (
    one.credential === two.credential &&
    one.name === two.name &&
    one.environment === two.environment &&
    one.service === two.service &&
    one.port === two.port &&
    one.key === two.key
  )
}
