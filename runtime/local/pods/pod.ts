import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ContainerRunner, type Trouble } from './container.ts'
import type { Container, PodSpec } from '../kubernetes.ts'
import type { Dial } from '../network/dial.ts'
import type { PodNetwork } from '../network/network.ts'
import { ContainerLog } from './logs.ts'
import { Launcher, type LaunchHost } from './launch.ts'
import { requiredPorts } from './required-ports.ts'
import type { PodFacts } from './variables.ts'
import { parsePatterns, SourceWatch } from './watch.ts'
import { fillVolumes, makeFolder, type VolumeSources } from './volumes.ts'

/** Kubernetes' default of terminationGracePeriodSeconds. */
const GRACE_SECONDS = 30
/** The time between a pod's removal from its Services and SIGTERM, so that clients learn of the removal. */
const WITHDRAW_MS = 200
/** The minimum time that a sidecar has to end after its app, in milliseconds. */
const SIDECAR_GRACE_MS = 2_000

/** The time that a container has to end when its files have changed, in milliseconds. */
const RESTART_GRACE_MS = 5_000

/** What pods need from their cluster. */
export interface PodHost extends LaunchHost {
  /** Connects to a port of a pod, for probes. */
  readonly dial: Dial
  readonly files: (
    pod: PodFacts,
    ...of: Parameters<VolumeSources['files']>
  ) => ReturnType<VolumeSources['files']>
  readonly token: (pod: PodFacts, audience: string) => string
  readonly onChange: () => void
  readonly onTrouble: (pod: PodRunner, container: Container, trouble: Trouble) => void
  /** Called each time the pod becomes ready. */
  readonly onReady: (pod: PodRunner) => void
  readonly onLine: (pod: PodRunner, container: string, text: string) => void
  /** Called with a warning, such as why a pod does not run as the requested user. */
  readonly onWarning: (pod: PodRunner, message: string) => void
}

export interface PodOptions {
  readonly facts: PodFacts
  /** The name of its workload. */
  readonly workload: string
  readonly spec: PodSpec
  /** The pod's folder within the run's: files for names, volumes, logs. */
  readonly folder: string
  /** The default folder of its commands: that of its manifest. */
  readonly directory: string
  readonly network: PodNetwork
  /** Folders of claims, by volume name. */
  readonly claims: ReadonlyMap<string, string>
}

/** A pod: init containers, native sidecars and app containers as processes, in Kubernetes' order. */
export class PodRunner {
  readonly facts: PodFacts
  readonly spec: PodSpec
  readonly network: PodNetwork
  readonly createdAt = Date.now()
  readonly containers: ContainerRunner[]
  readonly logs = new Map<string, ContainerLog>()
  terminating = false
  initialized = false
  /** How a pod that does not restart its containers has ended. Undefined before, and for other pods. */
  finished: 'Succeeded' | 'Failed' | undefined
  readonly #options: PodOptions
  readonly #host: PodHost
  readonly #tokens = new Map<string, string>()
  readonly #launcher: Launcher
  readonly #watches: SourceWatch[] = []
  #folders: ReadonlyMap<string, string> = new Map<string, string>()
  /** What its volumes still lack. */
  #missing: readonly string[] = []
  #filled = Promise.withResolvers<void>()
  #wasReady = false

  constructor(options: PodOptions, host: PodHost) {
    this.facts = options.facts
    this.spec = options.spec
    this.#options = options
    this.#host = host
    this.network = options.network
    this.#launcher = new Launcher(options, host, (message) => host.onWarning(this, message))
    mkdirSync(options.folder, { recursive: true })
    this.containers = [...(options.spec.initContainers ?? []), ...options.spec.containers].map((spec) =>
      this.#runner(spec),
    )
  }

  /** Whether every container is ready (Kubernetes: condition ContainersReady). */
  get ready(): boolean {
    return this.serving && !this.terminating
  }

  /** Whether it still serves, terminating or not (EndpointSlice: condition serving). */
  get serving(): boolean {
    const isRunning = this.initialized && this.finished === undefined
    return isRunning && this.#lasting().every((container) => container.ready)
  }

  /**
   * Waits for the sources of its volumes, and starts the containers, with one init container after the other. Resolves
   * once the app containers start, or at their end if the pod has a restart policy other than Always.
   */
  async start(): Promise<void> {
    this.refreshVolumes()
    await this.#filled.promise
    try {
      await this.network.ready
    } catch (error) {
      if (!this.terminating) this.#host.onWarning(this, `it has no network: ${(error as Error).message}`)
      return
    }
    if (this.terminating) return
    this.#watchSources()
    for (const container of this.containers) {
      if (this.terminating) return
      if (!this.#isInit(container)) continue
      if (isSidecar(container)) await container.keepRunning()
      else if (!(await container.runToEnd(this.spec.restartPolicy !== 'Never'))) return this.#finish('Failed')
    }
    // A change of a file counts from the moment in which its program runs.
    await Promise.all(this.#watches.map((watch) => watch.ready))
    if (this.terminating) return
    this.initialized = true
    const apps = this.containers.filter((container) => !this.#isInit(container))
    if ((this.spec.restartPolicy ?? 'Always') === 'Always') {
      for (const container of apps) void container.keepRunning()
      this.#host.onChange()
      return
    }
    const retries = this.spec.restartPolicy === 'OnFailure'
    const ended = await Promise.all(apps.map((container) => container.runToEnd(retries)))
    await this.#finish(ended.every(Boolean) ? 'Succeeded' : 'Failed')
  }

  /** Restarts containers when their files change. */
  #watchSources(): void {
    for (const container of this.containers) {
      const { spec } = container
      const { watch } = this.#launcher.settings(spec)
      if (watch === undefined || this.#isInit(container)) continue
      const onChange = (path: string): void => {
        this.logs.get(spec.name)?.note(`branchline: ${path} changed: restarting`)
        container.restart(RESTART_GRACE_MS)
      }
      const onWarning = (message: string): void =>
        this.#host.onWarning(this, `container ${spec.name}: its watch ${message}`)
      const folder = this.#launcher.sourceFolder(spec)
      this.#watches.push(new SourceWatch({ patterns: parsePatterns(watch), folder, onChange, onWarning }))
    }
  }

  /** Ends the sidecars of a pod whose containers have ended. */
  async #finish(phase: 'Succeeded' | 'Failed'): Promise<void> {
    if (this.terminating) return
    this.finished = phase
    this.#host.onChange()
    await this.#stopSidecars(() => SIDECAR_GRACE_MS)
    this.#host.onChange()
  }

  async #stopSidecars(graceMs: () => number): Promise<void> {
    for (const sidecar of this.containers.filter(isSidecar).toReversed()) await sidecar.stop(graceMs())
  }

  /**
   * Ends the pod: it leaves its Services first, then all preStop hooks run at once, like on a kubelet. Each app gets
   * SIGTERM after its own hook, and then the sidecars in reverse order. Resolves once no process is left. `hurryMs`
   * limits the whole time and skips the hooks.
   */
  async stop(hurryMs?: number): Promise<void> {
    this.terminating = true
    this.#filled.resolve()
    for (const watch of this.#watches) void watch.stop()
    this.#host.onChange()
    const hooks = hurryMs === undefined
    const graceMs = hurryMs ?? (this.spec.terminationGracePeriodSeconds ?? GRACE_SECONDS) * 1000
    if (hooks) await wait(WITHDRAW_MS)
    const deadline = performance.now() + graceMs
    const leftMs = (): number => deadline - performance.now()
    const hooked = new Map(
      this.containers.map((container) => [container, hooks ? container.preStop(leftMs()) : undefined]),
    )
    const others = this.containers.filter((container) => !isSidecar(container))
    await Promise.all(
      others.map(async (container) => {
        await hooked.get(container)
        await container.stop(Math.max(0, leftMs()))
      }),
    )
    for (const sidecar of this.containers.filter(isSidecar).toReversed()) {
      await hooked.get(sidecar)
      await sidecar.stop(Math.max(leftMs(), Math.min(SIDECAR_GRACE_MS, graceMs)))
    }
  }

  /** Writes the files of ConfigMaps, Secrets and tokens with their current values. */
  refreshVolumes(): void {
    try {
      this.#fillVolumes()
    } catch (error) {
      this.#missing = [`the volumes cannot be written: ${(error as Error).message}`]
    }
    for (const message of this.#missing) this.#host.onWarning(this, message)
    if (this.#missing.length === 0) this.#filled.resolve()
  }

  #fillVolumes(): void {
    const folder = join(this.#options.folder, 'volumes')
    const owner = this.#launcher.userOf(undefined)
    const sources: VolumeSources = {
      pod: this.facts,
      files: (kind, name) => this.#host.files(this.facts, kind, name),
      token: (audience) => this.#token(audience),
    }
    // Files may be open to all users of a container, and must not be open to those of the machine.
    for (const closed of [folder, this.#launcher.parts]) {
      makeFolder(closed, owner)
      chmodSync(closed, this.#launcher.hasSeveralUsers() ? 0o711 : 0o700)
    }
    const filled = fillVolumes(this.spec, folder, { ...sources, ...(owner !== undefined && { owner }) })
    for (const path of this.#options.claims.values()) makeFolder(path, owner)
    this.#folders = new Map([...filled.folders, ...this.#options.claims])
    this.#missing = filled.missing
  }

  #changed(): void {
    const { ready } = this
    if (ready && !this.#wasReady) this.#host.onReady(this)
    this.#wasReady = ready
    this.#host.onChange()
  }

  /** The containers that run as long as the pod. */
  #lasting(): ContainerRunner[] {
    return this.containers.filter((container) => !this.#isInit(container) || isSidecar(container))
  }

  #isInit(container: ContainerRunner): boolean {
    return this.containers.indexOf(container) < (this.spec.initContainers?.length ?? 0)
  }

  #token(audience: string): string {
    const token = this.#tokens.get(audience) ?? this.#host.token(this.facts, audience)
    this.#tokens.set(audience, token)
    return token
  }

  #runner(spec: Container): ContainerRunner {
    const log = new ContainerLog(join(this.#options.folder, 'logs'), spec.name, (text) =>
      this.#host.onLine(this, spec.name, text),
    )
    this.logs.set(spec.name, log)
    return new ContainerRunner({
      spec,
      ip: this.facts.ip,
      ports: requiredPorts(spec, this.spec, this.facts.annotations),
      log,
      dial: this.#host.dial,
      closedReason: (...of) => this.network.closedReason(...of),
      start: () => this.#launcher.start(spec, this.#folders, (stream) => log.read(stream)),
      exec: (command, timeoutMs) => this.#launcher.exec(spec, command, timeoutMs),
      onChange: () => this.#changed(),
      onTrouble: (trouble) => this.#host.onTrouble(this, spec, trouble),
    })
  }
}

/** Whether it is a native sidecar: an init container that keeps running (Kubernetes: restartPolicy Always). */
const isSidecar = (container: ContainerRunner): boolean => container.spec.restartPolicy === 'Always'
