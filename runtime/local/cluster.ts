import type { Server } from 'node:http'
import { dirname, join, resolve } from 'node:path'
import type { LocalPatch, LocalState } from '@branchline/wire/local-api'
import { PLATFORM_NAMESPACE } from '@branchline/wire/names'
import { VARIABLES } from '@branchline/wire/env'
import { serveApi } from './api/api.ts'
import { endpointSlices } from './services/endpoints.ts'
import { namespacesAbove, searchNamespace, withAddresses } from './network/names.ts'
import type { Network } from './network/network.ts'
import type { ClusterOptions } from './options.ts'
import type { Service } from './kubernetes.ts'
import { appPortsOf, declaresPort } from './pods/app-ports.ts'
import { ManifestFolder } from './manifests/folder.ts'
import { withOverlays } from './manifests/local-settings.ts'
import { idOf, type KubernetesObject } from './manifests/object.ts'
import { templatePath } from './manifests/pod-template.ts'
import type { FileContent, Manifest } from './manifests/read.ts'
import { filesOf, machineVariables, missingNamespaces, namedEnvironment, valuesOf } from './api/objects.ts'
import type { PodHost, PodRunner } from './pods/pod.ts'
import { Problems } from './problems.ts'
import { Patches } from './patches.ts'
import { openRun, type Run } from './run.ts'
import { socketOf, writeRun } from './runs.ts'
import { Services } from './services/services.ts'
import { Store } from './api/store.ts'
import { Tokens } from './pods/tokens.ts'
import { describeTrouble, unknownNameSentence, wildcardSentence } from './pods/troubles.ts'
import type { LogLine, Problem } from './types.ts'
import { type PodFacts, serviceVariables } from './pods/variables.ts'
import type { DesiredWorkload } from './pods/desired.ts'
import { backendOf, type ManagedPod, podObject, stateOf, Workloads } from './pods/workloads.ts'

/** How long pods may take to end when the cluster stops, in milliseconds. */
const STOP_TIMEOUT_MS = 3_000

/** The embedded cluster: runs the manifests of a folder as processes on this machine. */
export class Cluster {
  readonly store = new Store()
  readonly runFolder: string
  readonly network: Network
  readonly #options: ClusterOptions
  readonly #run: Run
  readonly #tokens = new Tokens()
  readonly #problems: Problems
  readonly #services: Services
  readonly #workloads: Workloads
  readonly #folder: ManifestFolder
  readonly #desired = new Map<string, DesiredWorkload>()
  readonly #patches = new Patches()
  #content: FileContent = { manifests: [], problems: [] }
  #applied = new Set<string>()
  #own: readonly KubernetesObject[] = []
  #api: Server | undefined
  #syncing: Promise<void> | undefined
  #again = false
  #stopped = false

  /**
   * Starts a cluster. Resolves to the numbers of the published ports, in order, once they listen, the folder has been
   * read and its workloads are starting. Rejects if a published port is in use or the folder does not exist.
   */
  static async start(options: ClusterOptions): Promise<{ cluster: Cluster; ports: number[] }> {
    let found: Cluster | undefined
    const tell = (what: (cluster: Cluster) => void): void => {
      if (found !== undefined) what(found)
    }
    const run = await openRun({
      method: options.network,
      names: options.hosts !== false,
      egress: options.egress ?? [],
      onUnknownName: (ip, name) => tell((cluster) => cluster.#unknownName(ip, name)),
      onLost: (message) => tell((cluster) => cluster.#lost(message)),
    })
    const cluster = (found = new Cluster(options, run))
    try {
      const ports = await cluster.#start()
      return { cluster, ports }
    } catch (error) {
      await cluster.stop(0)
      throw error
    }
  }

  private constructor(options: ClusterOptions, run: Run) {
    const { network, folder, mark } = run
    this.#options = options
    this.#run = run
    this.network = network
    this.runFolder = folder
    this.#problems = new Problems(options)
    this.#services = new Services({
      network,
      onChange: () => this.#changed(),
      onTrouble: (service, field, message) =>
        this.#problems.report(idOf(service as unknown as KubernetesObject), {
          severity: 'warning',
          field,
          message,
        }),
    })
    this.#workloads = new Workloads({
      runFolder: this.runFolder,
      network,
      host: this.#podHost(mark),
      now: options.now,
      onJobEnded: (id, failure) => {
        if (failure === undefined) this.#problems.recovered(id)
        else this.#problems.report(id, { severity: 'error', message: failure }, true)
      },
      onCreate: (pod) => this.#writeNames(pod),
      onGone: (pod) => this.#gone(pod),
    })
    this.#folder = new ManifestFolder({ folder: options.folder, onChange: (content) => this.#apply(content) })
  }

  /** What users should read about the network, if it is not the usual one. */
  get notice(): string | undefined {
    return this.#run.notice
  }

  /** The running pods and their processes. */
  state(): LocalState {
    return stateOf(this.#workloads.pods)
  }

  problems(): readonly Problem[] {
    return this.#problems.list()
  }

  /** The last lines of a pod's containers. */
  logs(namespace: string, pod: string): LogLine[] {
    return [...(this.#runner(namespace, pod)?.logs ?? [])].flatMap(([container, { lines }]) =>
      lines.map((text) => ({ namespace, pod, container, text })),
    )
  }

  #runner(namespace: string, pod: string): PodRunner | undefined {
    return this.#workloads.pods.find(
      ({ runner }) => runner.facts.namespace === namespace && runner.facts.name === pod,
    )?.runner
  }

  /** Ends every process within the time, and removes every file. */
  async stop(timeoutMs: number = STOP_TIMEOUT_MS): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    await this.#folder.stop()
    await this.#syncing
    await this.#workloads.stop(timeoutMs)
    await this.#services.close()
    this.#api?.closeAllConnections()
    this.#api?.close()
    await this.network.close()
    await this.#run.reaper.close()
  }

  async #start(): Promise<number[]> {
    const ports: number[] = []
    for (const publication of this.#options.publish ?? [])
      ports.push(await this.#services.publish(publication))
    this.#own = this.#options.objects?.(ports, this.runFolder) ?? []
    this.#api = await serveApi({
      path: this.#socketPath,
      store: this.store,
      tokens: this.#tokens,
      state: () => this.state(),
      problems: () => this.problems(),
      log: (namespace, pod, container) => this.#runner(namespace, pod)?.logs.get(container),
      patch: (patch) => this.#patch(patch),
    })
    await this.#folder.start()
    await this.#syncing
    writeRun(this.runFolder, this.#options.folder, ports)
    return ports
  }

  get #socketPath(): string {
    return socketOf(this.runFolder)
  }

  #patch(patch: LocalPatch): boolean {
    const found = this.#patches.add(patch)
    if (found) this.#apply(this.#content)
    return found
  }

  /** Applies the current content of the folder. */
  #apply(content: FileContent): void {
    const { manifests, problems, overlays = [] } = content
    this.#content = content
    const { objects, problems: unknown } = withOverlays(manifests, overlays, resolve(this.#options.folder))
    const transformed = this.#options.transform?.(objects) ?? { objects, problems: [] }
    const patched = this.#patches.apply(transformed.objects)
    const all = [...this.#own, ...patched.filter((object) => object !== undefined)]
    const wanted = [...missingNamespaces(all), ...all]
    const ids = new Set(wanted.map(idOf))
    for (const id of this.#applied) if (!ids.has(id)) this.store.delete(id)
    this.#applied = ids
    for (const object of wanted) this.store.apply(object)
    const checked = this.#options.check?.(this.store.list()) ?? []
    this.#problems.setManifests(manifests, [...problems, ...unknown, ...transformed.problems, ...checked])
    this.#setDesired(patched, manifests)
    for (const { runner } of this.#workloads.pods) if (!runner.terminating) runner.refreshVolumes()
    this.#changed()
  }

  #setDesired(objects: readonly (KubernetesObject | undefined)[], manifests: readonly Manifest[]): void {
    const folder = resolve(this.#options.folder)
    const isWorkload = (object: KubernetesObject): boolean => templatePath(object) !== undefined
    this.#desired.clear()
    for (const object of this.#own.filter(isWorkload)) {
      this.#desired.set(idOf(object), { object, directory: this.runFolder })
    }
    for (const [index, object] of objects.entries()) {
      const file = manifests[index]?.file ?? ''
      if (object !== undefined && isWorkload(object))
        this.#desired.set(idOf(object), { object, directory: join(folder, dirname(file)) })
    }
  }

  /** Schedules a pass that reconciles everything, once for all changes at a time. */
  #changed(): void {
    if (this.#stopped) return
    this.#again = true
    this.#syncing ??= this.#syncAll().finally(() => {
      this.#syncing = undefined
    })
  }

  async #syncAll(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false
      // Changes come in bursts. One pass handles all of one turn of the event loop.
      await new Promise((turned) => setImmediate(turned))
      this.#syncServices()
      await this.#services.settled()
      this.#workloads.reconcile(this.#desired)
      this.#syncServices()
      this.#syncObjects()
      for (const pod of this.#workloads.pods) this.#writeNames(pod)
      this.network.refresh(this.#services.named(''))
      this.#options.onChange?.()
    }
  }

  #syncServices(): void {
    const services = this.store.list('Service') as unknown as Service[]
    const callers = this.network.hidesCallers ? this.#callers() : new Map<string, string[]>()
    this.#services.reconcile(services, this.#workloads.pods.map(backendOf), callers)
  }

  /** The namespaces with pods, each with the namespaces of the environments above it. */
  #callers(): Map<string, string[]> {
    const environments = this.store.list('Environment').map(namedEnvironment)
    const namespaces = [
      ...[...this.#desired.values()].map(({ object }) => object.metadata.namespace ?? ''),
      ...this.#workloads.pods.map(({ runner }) => runner.facts.namespace),
    ]
    return new Map([...new Set(namespaces)].map((name) => [name, namespacesAbove(name, environments)]))
  }

  #syncObjects(): void {
    const backends = this.#workloads.pods.map(backendOf)
    const services = this.store.list('Service') as unknown as Service[]
    const wanted = [
      ...this.#workloads.pods.map(podObject),
      ...services.flatMap((service) => endpointSlices(service, backends)),
      ...this.#workloads.jobs,
    ]
    const ids = new Set(wanted.map(idOf))
    for (const object of ['Pod', 'EndpointSlice', 'Job'].flatMap((kind) => this.store.list(kind))) {
      if (!ids.has(idOf(object))) this.store.delete(idOf(object))
    }
    for (const object of wanted) this.store.apply(object)
  }

  #writeNames({ runner }: ManagedPod): void {
    const { facts, spec, network } = runner
    network.setNames({
      search: this.#searchOf(facts, spec.dnsConfig?.searches ?? []),
      services: this.#services.named(facts.namespace),
      ...(spec.hostAliases !== undefined && { aliases: spec.hostAliases }),
    })
  }

  #lost(message: string): void {
    this.#options.onProblem?.({ severity: 'error', message: `${message}: start this command again` })
  }

  /** Reports that a pod called something outside that it cannot reach. */
  #unknownName(ip: string, name: string): void {
    const pod = this.#workloads.pods.find(({ runner }) => runner.facts.ip === ip)?.runner
    if (pod !== undefined) this.#report(pod, 'warning', unknownNameSentence(name))
  }

  #searchOf({ namespace }: PodFacts, searches: readonly string[]): string[] {
    const environments = this.store.list('Environment').map(namedEnvironment)
    const above = namespacesAbove(namespace, environments)
    return [...new Set([namespace, ...above, ...searches.flatMap((domain) => searchNamespace(domain) ?? [])])]
  }

  #gone({ runner, root }: ManagedPod): void {
    const { namespace, name } = runner.facts
    for (const log of runner.logs.values()) log.end()
    this.#tokens.revoke(namespace, name)
    if (!this.#desired.has(root)) this.#problems.forget(root)
    this.#changed()
  }

  #podHost(run: string): PodHost {
    const get = (kind: string, namespace: string, name: string): KubernetesObject | undefined =>
      this.store.get(`${kind}/${namespace}/${name}`)
    return {
      run,
      reaper: this.#run.reaper,
      dial: this.network.dial,
      canMount: this.network.canMount,
      image: this.#options.image ?? (() => undefined),
      machine: machineVariables(process.env),
      values: (pod, kind, name) => valuesOf(get(kind, pod.namespace, name)),
      files: (pod, kind, name) => filesOf(get(kind, pod.namespace, name)),
      token: ({ namespace, name }, audience) => this.#tokens.issue(namespace, name, audience),
      variables: (pod) => this.#variables(pod),
      withAddresses: ({ namespace }, text) =>
        this.network.hasNames ? text : withAddresses(text, this.#services.named(namespace)),
      onChange: () => this.#changed(),
      onTrouble: (pod, container, trouble) => {
        if (pod.terminating || this.#stopped) return
        const lines = pod.logs.get(container.name)?.lines ?? []
        const message = describeTrouble(container, trouble, lines, this.network)
        this.#report(pod, trouble.type === 'start' ? 'error' : 'warning', message, true)
      },
      onReady: (pod) => this.#ready(pod),
      onLine: ({ facts }, container, text) =>
        this.#options.onLog?.({ namespace: facts.namespace, pod: facts.name, container, text }),
      onWarning: (pod, message) => this.#report(pod, 'warning', message),
    }
  }

  #report(pod: PodRunner, severity: Problem['severity'], message: string | undefined, passing = false): void {
    const root = this.#workloads.pods.find(({ runner }) => runner === pod)?.root
    if (root !== undefined && message !== undefined)
      this.#problems.report(root, { severity, message }, passing)
  }

  #ready(pod: PodRunner): void {
    const { pods } = this.#workloads
    const root = pods.find(({ runner }) => runner === pod)?.root
    const own = pods.filter((other) => other.root === root && !other.runner.terminating)
    if (root !== undefined && own.every(({ runner }) => runner.ready)) this.#problems.recovered(root)
    this.#warnAboutWildcards(pod)
  }

  /** Warns if an app listens on all addresses, because requests for another pod could silently reach it. */
  #warnAboutWildcards(pod: PodRunner): void {
    for (const container of pod.spec.containers) {
      const { name } = container
      for (const { containerPort } of appPortsOf(container)) {
        const other = this.#workloads.pods.find(
          ({ runner }) => runner !== pod && declaresPort(runner.spec, containerPort) && !runner.terminating,
        )
        if (other === undefined || !this.network.listeners(containerPort).wildcard) continue
        const { namespace, name: otherName } = other.runner.facts
        this.#report(pod, 'warning', wildcardSentence(name, containerPort, `pod ${namespace}/${otherName}`))
      }
    }
  }

  #variables({ namespace, ...pod }: PodFacts): Record<string, string> {
    const search = this.#searchOf({ namespace, ...pod }, [])
    const variables = serviceVariables(search.flatMap((name) => this.#services.visible(name, namespace)))
    if (namespace === PLATFORM_NAMESPACE) variables[VARIABLES.localApi] = this.#socketPath
    return variables
  }
}
