import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { ANNOTATIONS, SIDECAR_CONTAINER } from '@branchline/wire/names'
import { containerCommand, type ImageCommand, type ImageResolver } from './command.ts'
import { ContainerRunner, type Trouble } from './container.ts'
import { expand, rewritePaths } from './expand.ts'
import { appPortsOf } from './app-ports.ts'
import type { Container, PodSpec } from '../kubernetes.ts'
import { ContainerLog } from './logs.ts'
import { describeExit, startProcess, type Started } from './process.ts'
import { type Reaper, RUN_VARIABLE } from './reaper.ts'
import { findProgram, type HostsStrategy, mayEnter, sandboxed } from './sandbox.ts'
import { requiredPorts } from './required-ports.ts'
import { containerVariables, type PodFacts, type VariableSources } from './variables.ts'
import { fillVolumes, makeFolder, mountsOf, type VolumeSources } from './volumes.ts'

/** Kubernetes' default of terminationGracePeriodSeconds. */
const GRACE_SECONDS = 30
/** The time between a pod's removal from its Services and SIGTERM, so that clients learn of the removal. */
const WITHDRAW_MS = 200
/** The minimum time that a sidecar has to end after its app, in milliseconds. */
const SIDECAR_GRACE_MS = 2_000

/** What pods need from their cluster. */
export interface PodHost {
  /** The mark of the run, see {@link RUN_VARIABLE}. */
  readonly run: string
  readonly reaper: Reaper
  readonly hosts: HostsStrategy
  readonly image: ImageResolver
  /** The variables of the machine that every process gets, by a list of names. */
  readonly machine: Readonly<Record<string, string>>
  readonly values: (
    pod: PodFacts,
    ...of: Parameters<VariableSources['values']>
  ) => ReturnType<VariableSources['values']>
  readonly files: (
    pod: PodFacts,
    ...of: Parameters<VolumeSources['files']>
  ) => ReturnType<VolumeSources['files']>
  readonly token: (pod: PodFacts, audience: string) => string
  /** The service variables, and others that the cluster gives to pods of a namespace. */
  readonly variables: (pod: PodFacts) => Readonly<Record<string, string>>
  /** Replaces names of Services in a text if they would not resolve. */
  readonly withAddresses: (pod: PodFacts, text: string) => string
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
  readonly spec: PodSpec
  /** The pod's folder within the run's: hosts file, volumes, logs. */
  readonly folder: string
  /** The default folder of its commands: that of its manifest. */
  readonly directory: string
  /** Folders of claims, by volume name. */
  readonly claims: ReadonlyMap<string, string>
}

/** A pod: init containers, native sidecars and app containers as processes, in Kubernetes' order. */
export class PodRunner {
  readonly facts: PodFacts
  readonly spec: PodSpec
  readonly hostsFile: string
  readonly createdAt = Date.now()
  readonly containers: ContainerRunner[]
  readonly logs = new Map<string, ContainerLog>()
  terminating = false
  initialized = false
  readonly #options: PodOptions
  readonly #host: PodHost
  readonly #tokens = new Map<string, string>()
  #folders = new Map<string, string>()
  #wasReady = false

  constructor(options: PodOptions, host: PodHost) {
    this.facts = options.facts
    this.spec = options.spec
    this.#options = options
    this.#host = host
    this.hostsFile = join(options.folder, 'hosts')
    mkdirSync(options.folder, { recursive: true })
    this.containers = [...(options.spec.initContainers ?? []), ...options.spec.containers].map((spec) =>
      this.#runner(spec),
    )
  }

  /** Whether every container is ready (Kubernetes: condition ContainersReady). */
  get ready(): boolean {
    return this.initialized && !this.terminating && this.#lasting().every((container) => container.ready)
  }

  /** Whether it still serves, terminating or not (EndpointSlice: condition serving). */
  get serving(): boolean {
    return this.initialized && this.#lasting().every((container) => container.ready)
  }

  /** Starts the containers, with one init container after the other. Resolves once the app containers start. */
  async start(): Promise<void> {
    this.refreshVolumes()
    for (const container of this.containers) {
      if (this.terminating) return
      if (!this.#isInit(container)) continue
      await (isSidecar(container) ? container.keepRunning() : container.runToEnd())
    }
    if (this.terminating) return
    this.initialized = true
    for (const container of this.containers) {
      if (!this.#isInit(container)) void container.keepRunning()
    }
    this.#host.onChange()
  }

  /**
   * Ends the pod: it leaves its Services first, then all preStop hooks run at once, like on a kubelet. Each app gets
   * SIGTERM after its own hook, and then the sidecars in reverse order. Resolves once no process is left. `hurryMs`
   * limits the whole time and skips the hooks.
   */
  async stop(hurryMs?: number): Promise<void> {
    this.terminating = true
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
    const folder = join(this.#options.folder, 'volumes')
    const owner = this.#userOf(undefined)
    const sources: VolumeSources = {
      pod: this.facts,
      files: (kind, name) => this.#host.files(this.facts, kind, name),
      token: (audience) => this.#token(audience),
    }
    this.#folders = fillVolumes(this.spec, folder, { ...sources, ...(owner !== undefined && { owner }) })
    for (const [name, path] of this.#options.claims) {
      makeFolder(path, owner)
      this.#folders.set(name, path)
    }
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
      start: () => this.#startContainer(spec, (stream) => log.read(stream)),
      exec: (command, timeoutMs) => this.#exec(spec, command, timeoutMs),
      onChange: () => this.#changed(),
      onTrouble: (trouble) => this.#host.onTrouble(this, spec, trouble),
    })
  }

  #startContainer(spec: Container, onOutput: (stream: Readable) => void): Started {
    const image = this.#imageOf(spec)
    const variables = this.#variables(spec, image)
    const isMain = spec === this.spec.containers.find(({ name }) => name !== SIDECAR_CONTAINER)
    const { annotations } = this.facts
    const command = containerCommand({ container: spec, isMain, annotations, variables, image })
    return this.#startProcess(spec, command, variables, onOutput)
  }

  async #exec(spec: Container, command: readonly string[], timeoutMs: number): Promise<string | undefined> {
    const variables = this.#variables(spec, this.#imageOf(spec))
    const started = this.#startProcess(spec, command, variables, (stream) => stream.resume())
    const timer = setTimeout(() => started.killGroup(), timeoutMs)
    const exit = await started.exited
    clearTimeout(timer)
    return exit.code === 0 ? undefined : `${command[0]} ${describeExit(exit)}`
  }

  #startProcess(
    spec: Container,
    command: readonly string[],
    variables: Readonly<Record<string, string>>,
    onOutput: (stream: Readable) => void,
  ): Started {
    const mounts = mountsOf(spec, this.#folders)
    for (const path of mounts.values()) if (!existsSync(path)) makeFolder(path, this.#userOf(spec))
    const env: Record<string, string> = { ...this.#host.machine }
    for (const [name, value] of Object.entries(variables)) {
      env[name] = this.#host.withAddresses(this.facts, rewritePaths(value, mounts))
    }
    env[RUN_VARIABLE] = this.#host.run
    const cwd = this.#directory(spec, mounts)
    const argv = command.map((part) => rewritePaths(part, mounts))
    const user = this.#allowedUser(spec, cwd, argv[0] as string)
    if (user !== undefined) makeFolder((env['HOME'] = join(this.#options.folder, 'home')), user)
    // Like a container, each pod has its own /tmp, which is removed with the pod.
    if (variables['TMPDIR'] === undefined)
      makeFolder((env['TMPDIR'] = join(this.#options.folder, 'tmp')), user)
    const sandbox = { argv, hosts: this.hostsFile, ...(user !== undefined && { user }) }
    const { reaper, hosts } = this.#host
    return startProcess({ argv: sandboxed(hosts, sandbox), env, cwd, reaper, onOutput })
  }

  #imageOf(spec: Container): ImageCommand | undefined {
    return spec.image === undefined ? undefined : this.#host.image(spec.image)
  }

  #variables(spec: Container, image: ImageCommand | undefined): Record<string, string> {
    const port = appPortsOf(spec)[0]?.containerPort
    const given: Record<string, string> = { POD_IP: this.facts.ip, HOST: this.facts.ip }
    if (port !== undefined) given['PORT'] = String(port)
    for (const [name, value] of Object.entries(image?.env ?? {})) given[name] = expand(value, given)
    const services = { ...given, ...this.#host.variables(this.facts) }
    return containerVariables(spec, {
      pod: this.facts,
      services,
      values: (kind, name) => this.#host.values(this.facts, kind, name),
    })
  }

  #directory(spec: Container, mounts: ReadonlyMap<string, string>): string {
    const local = this.facts.annotations[ANNOTATIONS.localDir]
    if (local !== undefined) return resolve(this.#options.directory, local)
    const wanted = spec.workingDir === undefined ? undefined : rewritePaths(spec.workingDir, mounts)
    const isThere = wanted !== undefined && statSync(wanted, { throwIfNoEntry: false })?.isDirectory()
    return isThere === true ? wanted : this.#options.directory
  }

  /** The user that a container, or else its pod, requests. Undefined if the caller cannot switch to it. */
  #userOf(spec: Container | undefined): { uid: number; gid: number } | undefined {
    if (process.getuid?.() !== 0) return undefined
    if (spec !== undefined && this.#imageOf(spec) !== undefined) return undefined
    const first = spec ?? this.spec.containers.find((container) => this.#imageOf(container) === undefined)
    const uid = first?.securityContext?.runAsUser ?? this.spec.securityContext?.runAsUser
    if (uid === undefined || uid === 0) return undefined
    return { uid, gid: first?.securityContext?.runAsGroup ?? this.spec.securityContext?.runAsGroup ?? uid }
  }

  #allowedUser(spec: Container, cwd: string, program: string): { uid: number; gid: number } | undefined {
    const user = this.#userOf(spec)
    if (user === undefined) return undefined
    const closed = [cwd, dirname(findProgram(program) ?? '/')].find((folder) => !mayEnter(user, folder))
    if (closed === undefined) return user
    const message = `container ${spec.name} runs as root: it requests user ${user.uid}, which may not enter ${closed}`
    this.#host.onWarning(this, message)
    return undefined
  }
}

/** Whether it is a native sidecar: an init container that keeps running (Kubernetes: restartPolicy Always). */
const isSidecar = (container: ContainerRunner): boolean => container.spec.restartPolicy === 'Always'
