import type { Client, Decision, ExchangeReport, Reply } from '../../../proxy/decision.ts'
import type { HttpError } from '../../../proxy/errors.ts'
import type { Head } from '../../../proxy/head.ts'
import { type Problem, problemReply } from '../../../proxy/problem.ts'
import type { Lookup } from '../clusters/cluster.ts'
import { connectionOf } from '../frontends/connection.ts'
import type { Apex } from '../visitors/apex.ts'
import type { Hold } from '../visitors/hold.ts'
import type { Sender, Visitors } from '../visitors/visitors.ts'
import type { CircuitAccess } from './access.ts'
import { CircuitForward, type Retries } from './forward.ts'
import type { PassiveHealth } from './health/passive.ts'
import type { StreamLink } from './links.ts'
import type { CircuitSpans } from './spans.ts'
import type { PathFinder, PathRequest } from './paths.ts'
import { HostNames } from './host-names.ts'
import * as problems from './problems.ts'
import type { RegisteredPreviews } from './registered-previews.ts'
import type { ServedCircuit } from './served-circuit.ts'
import type { ServedCircuits } from './served-circuits.ts'

export interface CircuitsOptions {
  readonly domain: string
  /** The scheme of visitors' requests over connections without TLS of their own. */
  readonly scheme: 'http' | 'https'
  readonly served: ServedCircuits
  /** Previews that are in no table. */
  readonly previews: Pick<RegisteredPreviews, 'at'>
  readonly paths: PathFinder
  readonly access: CircuitAccess
  readonly health: PassiveHealth
  readonly apex: Apex
  readonly visitors: Visitors
  /** Requests that wait for a cluster that has just disconnected, or for room on its links. */
  readonly hold: Hold
  /** Whether the relay has just started, so that clusters may not have returned yet. */
  readonly isReturning: () => boolean
  /** The maximum running requests of a circuit that leads to clusters. 0: no limit. */
  readonly requestsPerPreview: number
  /** Undefined if spans are not wanted. */
  readonly spans?: CircuitSpans | undefined
}

/** Routes requests to the circuits of their hosts or ports, in both HTTP versions. */
export class Circuits implements Retries {
  readonly #options: CircuitsOptions
  readonly #names: HostNames
  readonly #upgraded = new Map<Client, CircuitForward>()
  /** Heads of requests that wait, and whose clients still want the response. */
  readonly #waiting = new Set<Head>()

  constructor(options: CircuitsOptions) {
    this.#options = options
    this.#names = new HostNames(options.domain)
  }

  /** The engines' route: to a target of the circuit, or a reply with the reason why not. */
  route(head: Head, client: Client): Decision | Promise<Decision> {
    const served = this.#find(head.host, client)
    if (served === undefined) {
      const { apex, visitors } = this.#options
      if (apex.has(head.host)) return apex.route(head, () => visitors.senderOf(client, head).address)
      return reply(this.#unknown(head.host), head)
    }
    return this.#decide(served, head, client)
  }

  /** The reply to a request that is invalid or got no response from its target. */
  failure(error: HttpError, { head, client, decision, reached }: FailedExchange): Reply {
    const forward = decision instanceof CircuitForward ? decision : undefined
    if (error.code === 'BL_HTTP_BODY_TOO_LARGE' && forward !== undefined)
      return reply(forward.served.allowance.problem('bodyBytes'), head)
    if (!problems.isUpstreamFault(error)) return reply(problems.refused(error), head)
    const served = this.#find(head.host, client)
    if (served === undefined) {
      const { apex } = this.#options
      return apex.has(head.host) ? apex.failure(head) : reply(this.#unknown(head.host), head)
    }
    if (isLate(error, forward)) return reply(served.allowance.problem('responseMs'), head)
    if (served.circuit.backend === 'h2' && head.version < 20 && problems.isNotHttp1(error))
      return reply(problems.needsHttp2(502), head)
    const failed = reached ?? forward?.candidates.at(-1)
    return reply({ ...this.#failed(error, served, head.host, failed), ...this.#link }, head)
  }

  /** A request is done, or has become an upgraded connection, which counts until it is closed. */
  done(report: ExchangeReport): void {
    const { head, client, decision, upgraded } = report
    this.#waiting.delete(head)
    this.#options.spans?.done(report)
    if (!(decision instanceof CircuitForward)) {
      if (decision !== undefined) this.#options.apex.done(decision)
      return
    }
    const { counts } = decision.served
    counts.done(report.status, report.ms)
    counts.moved(report.requestBytes, report.responseBytes)
    this.#options.health.done(report, decision)
    if (upgraded) this.#upgraded.set(client, decision)
    else this.#release(decision)
  }

  /** A connection is closed. */
  closed(client: Client): void {
    const forward = this.#upgraded.get(client)
    if (forward !== undefined) {
      this.#upgraded.delete(client)
      this.#release(forward)
    }
    this.#options.visitors.leave(connectionOf(client).visitor)
  }

  /** The circuit of a finished exchange. Undefined if its host is unknown. */
  servedOf({ head, client, decision }: ExchangeReport): ServedCircuit | undefined {
    return decision instanceof CircuitForward ? decision.served : this.#find(head.host, client)
  }

  /** Whether a request of this circuit could be sent over a link now. */
  isServed(id: string): boolean {
    const served = this.#options.served.get(id)
    return served !== undefined && this.#links(served).some((found) => isServed(found))
  }

  /** Decides again about a request that no path could serve: it may wait, or the targets have changed. */
  again(forward: CircuitForward, error: HttpError): Decision | Promise<Decision> | undefined {
    const served = this.#find(forward.head.host, forward.client)
    if (served === undefined) return undefined
    if (
      served.targets !== forward.among &&
      served.targets.some((target) => !forward.among.includes(target))
    ) {
      this.#release(forward)
      return this.#decide(served, forward.head, forward.client, forward.sinceMs ?? performance.now())
    }
    const links = this.#links(served)
    const mayHelp = problems.isFull(error)
      ? !links.some(isServed)
      : links.length > 0 && !links.some(isConnected)
    const [found] = links
    return mayHelp && found !== undefined
      ? this.#await(served, found, forward.head, forward.client, forward)
      : undefined
  }

  /** Decides whether a request may use a circuit. `sinceMs`: when it began to wait. */
  #decide(served: ServedCircuit, head: Head, client: Client, sinceMs?: number): Decision | Promise<Decision> {
    const { circuit } = served
    if (circuit.draining) return reply(problems.draining(), head)
    const { visitor, address } = this.#options.visitors.senderOf(client, head)
    const sender = { address, secure: this.#isSecure(client) }
    const verdict = this.#options.access.check(circuit, head, sender)
    if (verdict.decision !== undefined) return verdict.decision
    const refusal = refusalOf(served, head)
    if (refusal !== undefined) return reply(refusal, head)
    return this.#admit({ served, head, client, sender, visitor, more: verdict }, sinceMs)
  }

  /** Checks the limits of a request that has access, and chooses its paths. */
  #admit(request: PathRequest & Pick<Sender, 'visitor'>, sinceMs?: number): Decision | Promise<Decision> {
    const { served, head, client, visitor } = request
    const { visitors, paths, spans } = this.#options
    const nowMs = performance.now()
    const refusal = this.#limitOf(served, head, nowMs, sinceMs)
    if (refusal !== undefined) return reply(refusal, head)
    if (!visitors.maySend(visitor)) return reply(problems.busyVisitor(visitor.group), head)
    const found = paths.find(request, nowMs)
    if ('none' in found) return reply(problems.noTarget(head.host, found.none), head)
    if ('absent' in found)
      return (
        this.#await(served, found.absent, head, client) ?? reply(this.#absence(head.host, found.absent), head)
      )
    const candidates = spans === undefined ? found.paths : spans.begin(request, found.paths)
    const forward = new CircuitForward({ served, head, client, visitor, sinceMs }, candidates, this)
    this.#count(forward)
    return forward
  }

  #limitOf(
    served: ServedCircuit,
    head: Head,
    nowMs: number,
    sinceMs: number | undefined,
  ): Problem | undefined {
    const { allowance, usage } = served
    const { requestsPerPreview } = this.#options
    if (usage.open >= allowance.connections) return allowance.problem('connections')
    if (requestsPerPreview > 0 && usage.open >= requestsPerPreview && leadsToCluster(served))
      return problems.busyPreview(head.host)
    const { bodyBytes } = allowance
    if (bodyBytes !== undefined && Number(head.get('content-length') ?? 0) > bodyBytes)
      return allowance.problem('bodyBytes')
    if (sinceMs === undefined && !allowance.takeRequest(nowMs)) return allowance.problem('requestsPerSecond')
    return undefined
  }

  #count(forward: CircuitForward): void {
    const { served, target, visitor } = forward
    served.usage.begin()
    served.counts.open++
    if (target !== undefined) target.outstanding++
    this.#options.visitors.begin(visitor)
  }

  #release(forward: CircuitForward): void {
    const { served, target, visitor } = forward
    served.usage.end()
    served.counts.open--
    if (target !== undefined) target.outstanding--
    this.#options.visitors.done(visitor)
    this.#options.hold.released()
  }

  /** Lets a request wait. `before` is set if the request is already counted. Undefined if it may not wait. */
  #await(
    served: ServedCircuit,
    found: Lookup<StreamLink>,
    head: Head,
    client: Client,
    before?: CircuitForward,
  ): Promise<Decision> | undefined {
    if (found.state === 'unknown') return undefined
    // A live label may also have to wait: its links may be ending before the registry knows, or be full for long.
    const sinceMs = found.state === 'gone' ? found.sinceMs : (before?.sinceMs ?? performance.now())
    if (sinceMs === undefined) return undefined
    const waiting = this.#options.hold.wait(served.id, sinceMs)
    if (waiting === undefined) return undefined
    this.#waiting.add(head)
    return waiting.then(() => {
      // The client has left: its request is no longer counted, and the reply is not read.
      if (!this.#waiting.delete(head)) return reply(problems.goneCluster(head.host, found.cluster), head)
      if (before !== undefined) this.#release(before)
      const now = this.#find(head.host, client)
      return now === undefined
        ? reply(this.#unknown(head.host), head)
        : this.#decide(now, head, client, sinceMs)
    })
  }

  #failed(error: HttpError, served: ServedCircuit, host: string, path: ExchangeReport['reached']): Problem {
    const links = this.#links(served)
    const [found] = links
    if (found !== undefined && found.state !== 'live') return this.#absence(host, found)
    if (found?.state === 'live' && problems.isFull(error)) return problems.fullLinks(found.cluster)
    const target =
      path !== undefined && 'target' in path
        ? (path as CircuitForward['candidates'][number]).target
        : served.targets[0]
    const cluster = target?.deployed.cluster
    return cluster === undefined
      ? problems.failedTarget(error, target?.id ?? '')
      : problems.failedService(error, cluster.service, cluster.environment)
  }

  #absence(host: string, found: Lookup<StreamLink>): Problem {
    if (this.#options.isReturning()) return problems.justStarted(host)
    return found.state === 'unknown'
      ? { ...problems.unknownHost(host), ...this.#link }
      : problems.goneCluster(host, found.cluster)
  }

  #unknown(host: string): Problem {
    return this.#absence(host, { state: 'unknown' })
  }

  /** A link to the index, where there is one. */
  get #link(): Pick<Problem, 'link'> {
    const { link } = this.#options.apex
    return link === undefined ? {} : { link }
  }

  #links(served: ServedCircuit): readonly Lookup<StreamLink>[] {
    const links: Lookup<StreamLink>[] = []
    for (const target of served.targets) {
      const found = this.#options.paths.linksOf(served, target)
      if (found !== undefined) links.push(found)
    }
    return links
  }

  /** Whether a host leads to a circuit. */
  serves(host: string): boolean {
    return this.#at(host) !== undefined
  }

  #isSecure(client: Client): boolean {
    return connectionOf(client).tls !== undefined || this.#options.scheme === 'https'
  }

  /** The circuit of the port to which the client is connected, otherwise that of the host. */
  #find(host: string, client: Client): ServedCircuit | undefined {
    const { circuit } = connectionOf(client)
    return circuit === undefined ? this.#at(host) : this.#options.served.get(circuit)
  }

  #at(host: string): ServedCircuit | undefined {
    const { served, previews } = this.#options
    const { label, name } = this.#names.of(host)
    const below = label === undefined ? undefined : (served.at(label) ?? previews.at(label))
    if (below !== undefined || name === undefined) return below
    // The relay's own host is never a circuit's: people enter their tokens there.
    return this.#options.apex.has(host) ? undefined : served.at(name)
  }
}

type FailedExchange = Pick<ExchangeReport, 'head' | 'client' | 'decision' | 'reached'>

/** Why a circuit takes no such request at all. Services in clusters may speak both versions. */
function refusalOf({ circuit }: ServedCircuit, head: Head): Problem | undefined {
  const isAddressed = circuit.targets.every(({ cluster }) => cluster === undefined)
  if (circuit.backend === 'h2' && head.version < 20 && isAddressed) return problems.needsHttp2(505)
  if (circuit.backend === 'tcp' || circuit.backend === 'traefik')
    return problems.wrongBackend(circuit.backend)
  return undefined
}

/** Whether the limit of the circuit ended a request. */
const isLate = ({ code }: HttpError, forward: CircuitForward | undefined): boolean =>
  code === 'BL_HTTP_UPSTREAM_TIMEOUT' && forward?.served.allowance.responseMs !== undefined

const leadsToCluster = ({ targets }: ServedCircuit): boolean =>
  targets.some(({ deployed }) => deployed.cluster !== undefined)

/** Whether a connection can take a request for a label now. */
const isServed = (found: Lookup<StreamLink>): boolean =>
  found.state === 'live' && found.links.some((link) => link.hasRoom)

/** Whether a connection can take requests for a label, now or once it has room. */
const isConnected = (found: Lookup<StreamLink>): boolean =>
  found.state === 'live' && found.links.some((link) => link.takesStreams)

const reply = (problem: Problem, head: Head): Reply => problemReply(problem, head.get('accept'))
