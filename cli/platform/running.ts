import { join } from 'node:path'
import { Cluster } from '@branchline/runtime/local/cluster'
import { namespacesAbove } from '@branchline/runtime/local/network/names'
import { namedEnvironment } from '@branchline/runtime/local/api/objects'
import type { Forwarding } from '@branchline/runtime/local/network/forwarder'
import type { LogLine, Problem } from '@branchline/runtime/local/types'
import { describeProblem } from '@branchline/runtime/local/types'
import type { LocalState } from '@branchline/wire/local-api'
import { PLATFORM_NAMESPACE, RELAY_HTTP_PORT, RELAY_SERVICE } from '@branchline/wire/names'
import type { EnvironmentView, Platform, PreviewView, UpOptions } from './platform.ts'
import { CliError } from './errors.ts'
import { checkEnvironments, platformImage, platformObjects, withSidecars } from './objects.ts'
import { type IndexServer, serveIndex } from './index-page/server.ts'
import type { IndexSource } from './index-page/model.ts'
import { type ServiceView, serviceViews, whyNotReady } from './services-view.ts'
import { StartingPods } from './starting.ts'
import { Unreached, unreachedProblems } from './unreached.ts'
import { environmentViews } from './view.ts'

/** The default port and domain of preview URLs. */
const DEFAULT_PORT = 8080
const DEFAULT_DOMAIN = 'localhost'
/** How many lines of output an error shows of a pod that did not become ready. */
const LAST_LINES = 5

/** How often previews that are not ready are judged again without an event, in milliseconds. */
const CHECK_EVERY_MS = 1_000

/** The platform on the embedded cluster. */
export class RunningPlatform implements Platform {
  readonly port: number
  readonly indexUrl: string
  readonly runFolder: string
  readonly #options: UpOptions
  readonly #cluster: Cluster
  readonly #waiting: Set<() => void>
  readonly #seenAt = new Map<string, number>()
  readonly #readyAfterMs = new Map<string, number>()
  readonly #reported = new Map<string, string>()
  readonly #starting = new StartingPods()
  /** The previews that were ready at some time, by `namespace/name`. */
  readonly #wereReady = new Set<string>()
  /** Aborted by {@link stop}, which ends every wait. */
  readonly #stopping = new AbortController()
  #index: IndexServer | undefined
  readonly #unreached = new Unreached()
  readonly #forwarded: Forwarding[] = []
  #timer: NodeJS.Timeout | undefined

  /** Starts the cluster and the platform on it. Resolves when the processes are starting. */
  static async start(options: UpOptions): Promise<RunningPlatform> {
    const { folder, port = DEFAULT_PORT, domain = DEFAULT_DOMAIN, hosts = true, managers, onEvent } = options
    const { network, egress = [] } = options
    const waiting = new Set<() => void>()
    const { cluster, ports } = await Cluster.start({
      folder,
      hosts,
      network,
      egress,
      publish: [
        {
          namespace: PLATFORM_NAMESPACE,
          service: RELAY_SERVICE,
          servicePort: RELAY_HTTP_PORT,
          port,
          owner: 'the relay',
          remedy: portRemedy(port),
        },
      ],
      objects: ([taken], runFolder) =>
        platformObjects({
          domain,
          port: taken ?? port,
          managers,
          index: indexSocket(runFolder),
          state: join(runFolder, 'relay'),
        }),
      image: platformImage,
      transform: withSidecars,
      check: checkEnvironments,
      onProblem: (problem) => onEvent?.({ type: 'problem', problem }),
      onSolved: (problem) => onEvent?.({ type: 'solved', problem }),
      onLog: (line) => onEvent?.({ type: 'log', line }),
      onChange: () => {
        for (const check of waiting) check()
      },
    })
    if (cluster.notice !== undefined) onEvent?.({ type: 'notice', text: cluster.notice })
    const running = new RunningPlatform(options, cluster, ports[0] ?? port, waiting)
    try {
      running.#index = await serveIndex(indexSocket(cluster.runFolder), running.#indexSource())
      return running
    } catch (error) {
      await running.stop()
      throw error
    }
  }

  private constructor(options: UpOptions, cluster: Cluster, port: number, waiting: Set<() => void>) {
    this.#options = options
    this.#cluster = cluster
    this.port = port
    this.indexUrl = `http://${options.domain ?? DEFAULT_DOMAIN}:${port}/`
    this.runFolder = cluster.runFolder
    this.#waiting = waiting
    const changed = (): void => this.#changed()
    waiting.add(changed)
    cluster.store.watch(({ object }) => {
      if (object.kind !== 'Environment' && object.kind !== 'Preview') return
      for (const check of waiting) check()
    })
    changed()
  }

  /** Resolves when the relay's pod is ready. After the timeout it rejects with problems and the platform's output. */
  async waitForRelay(timeoutMs: number): Promise<void> {
    const isReady = (): boolean =>
      this.state().pods.some(
        ({ namespace, name, ready }) =>
          namespace === PLATFORM_NAMESPACE && name.startsWith(`${RELAY_SERVICE}-`) && ready,
      )
    if (await this.#until(isReady, timeoutMs)) return
    this.#options.signal?.throwIfAborted()
    const output = this.state()
      .pods.filter(({ namespace, ready }) => namespace === PLATFORM_NAMESPACE && !ready)
      .flatMap(({ namespace, name }) => this.logs(namespace, name).slice(-LAST_LINES))
    const reasons = [
      ...this.problems().map(describeProblem),
      ...output.map(({ pod, text }) => `${pod}: ${text}`),
    ]
    throw new CliError(
      'BL_UP_NOT_READY',
      `the relay was not ready within ${timeoutMs} ms:\n${reasons.join('\n')}`,
    )
  }

  state(): LocalState {
    return this.#cluster.state()
  }

  environments(): EnvironmentView[] {
    const { store } = this.#cluster
    const objects = store.list('Environment')
    const services = this.services()
    const views = environmentViews(objects, store.list('Preview'), this.#readyAfterMs).map((view) =>
      withPods(view, services),
    )
    const starting = this.#starting.update(this.state(), performance.now())
    if (starting.length === 0) return views
    const environments = objects.map(namedEnvironment)
    return views.map((view) => {
      const chain = new Set([view.namespace, ...namespacesAbove(view.namespace, environments)])
      const first = starting.find(({ namespace }) => chain.has(namespace))
      return first === undefined
        ? view
        : this.#heldBack(view, `pod ${first.namespace}/${first.name} is starting`)
    })
  }

  /** The Services with pods, and other pods, with why they are not ready. */
  services(): ServiceView[] {
    const { store } = this.#cluster
    return serviceViews(store.list('Service'), store.list('Pod'))
  }

  #indexSource(): IndexSource {
    return {
      folder: this.#options.folder,
      environments: () => this.environments(),
      services: () => this.services(),
      problems: () => this.problems(),
      logs: (namespace, pod) => this.logs(namespace, pod),
    }
  }

  /** Reports previews that were never ready as not ready. */
  #heldBack(view: EnvironmentView, message: string): EnvironmentView {
    const previews = view.previews.map((preview) =>
      this.#wereReady.has(idOf(view, preview)) ? preview : notReady(preview, message),
    )
    return { ...view, previews }
  }

  problems(): readonly Problem[] {
    return [...this.#cluster.problems(), ...unreachedProblems(this.environments())]
  }

  previewUrl(environment: string, preview: string): string | undefined {
    return this.#preview(environment, preview)?.url
  }

  async waitForPreview(environment: string, preview: string, timeoutMs: number): Promise<string> {
    await this.#until(() => this.#preview(environment, preview)?.ready === true, timeoutMs)
    const found = this.#preview(environment, preview)
    if (found?.ready === true && found.url !== undefined) return found.url
    const why = found === undefined ? 'there is no such Preview' : (found.message ?? 'it has no URL')
    throw new CliError(
      'BL_PREVIEW_NOT_READY',
      `preview ${preview} of ${environment} is not ready after ${timeoutMs} ms: ${why}`,
    )
  }

  logs(namespace: string, pod: string): readonly LogLine[] {
    return this.#cluster.logs(namespace, pod)
  }

  async forward(namespace: string, pod: string, port: number): Promise<number> {
    const endpoints = (): { host: string; port: number }[] =>
      this.state()
        .pods.filter((found) => found.namespace === namespace && found.name === pod)
        .map(({ ip: host }) => ({ host, port }))
    const options = { host: '127.0.0.1', port: 0, owner: `pod ${namespace}/${pod}`, endpoints }
    const forwarding = await this.#cluster.network.publish(options)
    this.#forwarded.push(forwarding)
    return forwarding.port
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    clearTimeout(this.#timer)
    await this.#index?.close()
    for (const forwarding of this.#forwarded) forwarding.close()
    return this.#cluster.stop(this.#options.stopTimeoutMs)
  }

  #preview(environment: string, name: string): PreviewView | undefined {
    const view = this.environments().find((candidate) => candidate.name === environment)
    return view?.previews.find((preview) => preview.name === name)
  }

  #changed(): void {
    // Pods that end because of a stop are not news.
    if (this.#stopping.signal.aborted || this.#options.signal?.aborted === true) return
    const environments = this.environments()
    const now = performance.now()
    for (const { name, ready, previews } of environments) {
      const seenAt = this.#seenAt.get(name) ?? now
      this.#seenAt.set(name, seenAt)
      const all = ready && previews.every((preview) => preview.ready)
      if (all && !this.#readyAfterMs.has(name)) this.#readyAfterMs.set(name, now - seenAt)
    }
    const names = new Set(environments.map(({ name }) => name))
    for (const name of this.#seenAt.keys()) {
      if (names.has(name)) continue
      this.#seenAt.delete(name)
      this.#readyAfterMs.delete(name)
    }
    this.#followPreviews(environments)
    for (const environment of environments) {
      this.#reportEnvironment(environment)
      for (const preview of environment.previews) this.#report(preview)
    }
    this.#unreached.update(environments, this.#options)
    this.#options.onEvent?.({ type: 'changed' })
  }

  #followPreviews(environments: readonly EnvironmentView[]): void {
    const all = environments.flatMap((view) =>
      view.previews.map((preview) => ({ id: idOf(view, preview), ready: preview.ready })),
    )
    for (const id of this.#wereReady)
      if (!all.some((preview) => preview.id === id)) this.#wereReady.delete(id)
    for (const { id, ready } of all) if (ready) this.#wereReady.add(id)
    if (all.every(({ ready }) => ready)) return
    // When the wait for a pod ends, no other event triggers the check.
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      for (const check of this.#waiting) check()
    }, CHECK_EVERY_MS).unref()
  }

  #report(preview: PreviewView): void {
    const id = `${preview.environment}/${preview.name}`
    const text = `${preview.ready} ${preview.url} ${preview.ready ? '' : preview.message}`
    if (this.#reported.get(id) === text) return
    this.#reported.set(id, text)
    this.#options.onEvent?.({ type: 'preview', preview })
  }

  #reportEnvironment(environment: EnvironmentView): void {
    const { name, ready, message } = environment
    const text = `${ready} ${ready ? '' : message}`
    if (this.#reported.get(name) === text) return
    this.#reported.set(name, text)
    this.#options.onEvent?.({ type: 'environment', environment })
  }

  /** Resolves with whether the condition became true in time, and before a stop. It is checked at every change. */
  #until(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    const { signal = this.#stopping.signal } = this.#options
    const stopped = AbortSignal.any([signal, this.#stopping.signal])
    return new Promise((resolve) => {
      const end = (held: boolean): void => {
        clearTimeout(timer)
        this.#waiting.delete(check)
        stopped.removeEventListener('abort', give)
        resolve(held)
      }
      const give = (): void => end(false)
      const timer = setTimeout(() => end(false), timeoutMs)
      const check = (): void => {
        if (condition()) end(true)
      }
      if (stopped.aborted) return give()
      stopped.addEventListener('abort', give, { once: true })
      this.#waiting.add(check)
      check()
    })
  }
}

const indexSocket = (runFolder: string): string => join(runFolder, 'index.sock')

/** The lowest port on which every user may listen. */
const FIRST_FREE_PORT = 1024

/** What users can do if the port of previews is not available. */
function portRemedy(port: number): string {
  const other = `choose another port, such as --port ${port === DEFAULT_PORT ? 8081 : DEFAULT_PORT}, or --port 0 for any free one`
  return port < FIRST_FREE_PORT
    ? `${other}; or allow the port with "sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}"`
    : other
}

const idOf = ({ namespace }: EnvironmentView, { name }: PreviewView): string => `${namespace}/${name}`

/** An environment is not ready while one of its Services has no ready pod, whatever its status says. */
function withPods(view: EnvironmentView, services: readonly ServiceView[]): EnvironmentView {
  const message = view.ready ? whyNotReady(services, view.namespace) : undefined
  return message === undefined ? view : { ...view, ready: false, message }
}

const notReady = (preview: PreviewView, message: string): PreviewView => ({
  ...preview,
  ready: false,
  message,
})
