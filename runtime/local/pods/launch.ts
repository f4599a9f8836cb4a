import { hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { ANNOTATIONS, SIDECAR_CONTAINER } from '@branchline/wire/names'
import { LocalError } from '../errors.ts'
import type { Container, PodSpec } from '../kubernetes.ts'
import { OVERLAY_FILE } from '../manifests/files.ts'
import type { PodNetwork } from '../network/network.ts'
import { appPortsOf } from './app-ports.ts'
import {
  commandHint,
  containerCommand,
  type ImageCommand,
  type ImageResolver,
  type LocalSettings,
  localSettings,
  missingLocalProgram,
  missingProgram,
} from './command.ts'
import { expand } from './expand.ts'
import { officialImage } from './images.ts'
import { MACHINE, type Mount } from './mounts.ts'
import { onMachine, place, type Placed } from './placement.ts'
import { describeExit, startProcess, type Started } from './process.ts'
import { type Reaper, RUN_VARIABLE } from './reaper.ts'
import { findProgram, mayEnter } from './sandbox.ts'
import { containerVariables, type PodFacts, type VariableSources } from './variables.ts'
import { makePrivateFolder, mountsOf } from './volumes.ts'

/** What the processes of pods need from their cluster. */
export interface LaunchHost {
  /** The mark of the run, see {@link RUN_VARIABLE}. */
  readonly run: string
  readonly reaper: Reaper
  /** Whether volumes can be mounted at their paths. */
  readonly canMount: boolean
  readonly image: ImageResolver
  /** The variables of the machine that every process gets, by a list of names. */
  readonly machine: Readonly<Record<string, string>>
  readonly values: (
    pod: PodFacts,
    ...of: Parameters<VariableSources['values']>
  ) => ReturnType<VariableSources['values']>
  /** The service variables, and others that the cluster gives to pods of a namespace. */
  readonly variables: (pod: PodFacts) => Readonly<Record<string, string>>
  /** Replaces names of Services in a text if they would not resolve. */
  readonly withAddresses: (pod: PodFacts, text: string) => string
}

export interface LaunchOptions {
  readonly facts: PodFacts
  /** The name of the pod's workload. */
  readonly workload: string
  readonly spec: PodSpec
  /** The pod's folder within the run's. */
  readonly folder: string
  /** The default folder of its commands: that of its manifest. */
  readonly directory: string
  readonly network: PodNetwork
}

/** Starts the processes of a pod's containers: decides about command, variables, folder, user and mounts. */
export class Launcher {
  readonly #options: LaunchOptions
  readonly #host: LaunchHost
  readonly #onWarning: (message: string) => void
  readonly #mounts = new Map<Container, readonly Mount[]>()
  /** The folder for parts of volumes, which are as secret as the volumes. */
  readonly parts: string

  constructor(options: LaunchOptions, host: LaunchHost, onWarning: (message: string) => void) {
    this.#options = options
    this.#host = host
    this.#onWarning = onWarning
    this.parts = join(options.folder, 'parts')
  }

  /** Starts the process of a container with its volumes. Throws with the reason if that is not possible. */
  start(
    spec: Container,
    folders: ReadonlyMap<string, string>,
    onOutput: (stream: Readable) => void,
  ): Started {
    const image = this.#imageOf(spec)
    const variables = this.#variables(spec, image)
    const owner = this.userOf(spec)
    const mounts = mountsOf(spec, {
      spec: this.#options.spec,
      folders,
      copies: this.parts,
      variables,
      ...(owner !== undefined && { owner }),
    })
    this.#mounts.set(spec, mounts)
    const { command: local } = this.settings(spec)
    const hint = commandHint(this.#options.workload, spec, this.#role(spec))
    const cwd = this.#directory(spec, mounts)
    const placed = this.#placed(spec, variables, mounts, cwd)
    const rewrite = local === undefined ? placed.rewrite : placed.rewriteLocal
    const sources = { container: spec, local, variables: placed.variables, rewrite, image, hint }
    const argv = containerCommand(sources)
    const program = argv[0] as string
    if (!this.#hasProgram(program, cwd, placed)) {
      throw local === undefined ? missingProgram(spec, program, hint) : missingLocalProgram(spec, program)
    }
    return this.#startProcess(spec, argv, placed, cwd, onOutput)
  }

  /** Runs a command in a container that was started. Resolves to why it failed, or undefined. */
  async exec(spec: Container, command: readonly string[], timeoutMs: number): Promise<string | undefined> {
    const mounts = this.#mounts.get(spec) ?? []
    const cwd = this.#directory(spec, mounts)
    const placed = this.#placed(spec, this.#variables(spec, this.#imageOf(spec)), mounts, cwd)
    const argv = command.map(placed.rewrite)
    const started = this.#startProcess(spec, argv, placed, cwd, (stream) => stream.resume())
    const timer = setTimeout(() => started.killGroup(), timeoutMs)
    const exit = await started.exited
    clearTimeout(timer)
    return exit.code === 0 ? undefined : `${command[0]} ${describeExit(exit)}`
  }

  #placed(
    spec: Container,
    variables: Readonly<Record<string, string>>,
    mounts: readonly Mount[],
    cwd: string,
  ): Placed {
    const { machine } = this.#host
    const local = this.settings(spec).command
    // The platform's own programs need no mounts, which would make each of their starts slower.
    const canMount = this.#host.canMount && this.#host.image(spec.image ?? '') === undefined
    const needed = [this.#options.folder, this.#options.directory]
    return place({ local, variables, mounts, canMount, cwd, machine, needed })
  }

  #startProcess(
    spec: Container,
    argv: readonly string[],
    { variables, mounted, replaced }: Placed,
    cwd: string,
    onOutput: (stream: Readable) => void,
  ): Started {
    const env: Record<string, string> = { ...this.#host.machine }
    for (const [name, value] of Object.entries(variables)) {
      env[name] = this.#host.withAddresses(this.#options.facts, value)
    }
    env[RUN_VARIABLE] = this.#host.run
    const program = onMachine(argv[0] as string, mounted)
    const user = this.#allowedUser(spec, cwd, program)
    if (user !== undefined) {
      env['HOME'] = join(this.#options.folder, `home-${user.uid}`)
      makePrivateFolder(env['HOME'], user)
    }
    // Like a container, each user of a pod has an own /tmp, which is removed with the pod.
    if (variables['TMPDIR'] === undefined) {
      const own = join(this.#options.folder, user === undefined ? 'tmp' : `tmp-${user.uid}`)
      makePrivateFolder(own, user)
      env['TMPDIR'] = replaced.get('/tmp') ?? own
    }
    const sandbox = {
      argv,
      mounts: mounted,
      hold: join(this.#options.folder, 'mounts'),
      ...(user !== undefined && { user }),
    }
    const { reaper } = this.#host
    return startProcess({ argv: this.#options.network.command(sandbox), env, cwd, reaper, onOutput })
  }

  /** Whether the machine, or a volume, has a program. */
  #hasProgram(program: string, cwd: string, { mounted, variables }: Placed): boolean {
    if (program.includes('/')) return MACHINE.exists(resolve(cwd, onMachine(program, mounted)))
    return findProgram(program, variables['PATH'] ?? this.#host.machine['PATH']) !== undefined
  }

  /** The settings of a container for this machine. */
  settings(spec: Container): LocalSettings {
    const { annotations } = this.#options.facts
    const own = localSettings(annotations, spec.name, this.#role(spec) === 'main')
    // A folder without a name is for all containers, but not for those that write files to it.
    const dir =
      own.dir ?? (this.#imageOf(spec)?.isolated === true ? undefined : annotations[ANNOTATIONS.localDir])
    return { ...own, ...(dir !== undefined && { dir }) }
  }

  /** The folder to which the files to watch are relative. */
  sourceFolder(spec: Container): string {
    return resolve(this.#options.directory, this.settings(spec).dir ?? '.')
  }

  #role(spec: Container): 'main' | 'other' | 'init' {
    if (this.#options.spec.initContainers?.includes(spec) === true) return 'init'
    return spec === this.#options.spec.containers.find(({ name }) => name !== SIDECAR_CONTAINER)
      ? 'main'
      : 'other'
  }

  #imageOf(spec: Container): ImageCommand | undefined {
    if (spec.image === undefined) return undefined
    return this.#host.image(spec.image) ?? officialImage(spec.image, spec.args ?? [])
  }

  #variables(spec: Container, image: ImageCommand | undefined): Record<string, string> {
    const port = appPortsOf(spec)[0]?.containerPort
    const { facts, spec: pod } = this.#options
    // Container runtimes set it to the host name of the pod.
    const given: Record<string, string> = {
      ...this.#options.network.variables(),
      HOSTNAME: pod.hostNetwork === true ? hostname() : (pod.hostname ?? facts.name),
    }
    if (port !== undefined) given['PORT'] = String(port)
    for (const [name, value] of Object.entries(image?.env ?? {})) given[name] = expand(value, given)
    const services = { ...given, ...this.#host.variables(facts) }
    return containerVariables(spec, {
      pod: facts,
      spec: pod,
      services,
      values: (kind, name) => this.#host.values(facts, kind, name),
    })
  }

  #directory(spec: Container, mounts: readonly Mount[]): string {
    if (this.settings(spec).dir !== undefined) {
      const folder = this.sourceFolder(spec)
      if (MACHINE.isFolder(folder)) return folder
      throw new LocalError(
        'BL_LOCAL_NO_FOLDER',
        `container ${spec.name}: its folder ${folder} does not exist: correct dir in ${OVERLAY_FILE}, or the annotation ${ANNOTATIONS.localDir}`,
      )
    }
    const wanted = spec.workingDir === undefined ? undefined : onMachine(spec.workingDir, mounts)
    if (wanted !== undefined && MACHINE.isFolder(wanted)) return wanted
    if (this.#imageOf(spec)?.isolated !== true) return this.#options.directory
    const own = join(this.#options.folder, 'work')
    makePrivateFolder(own, this.userOf(spec))
    return own
  }

  /** Whether its containers run as several users, who all need its volumes. */
  hasSeveralUsers(): boolean {
    if (process.getuid?.() !== 0) return false
    const all = [...(this.#options.spec.initContainers ?? []), ...this.#options.spec.containers]
    return new Set(all.map((spec) => this.userOf(spec)?.uid)).size > 1
  }

  /** The user that a container, or else its pod, requests. Undefined if the caller cannot switch to it. */
  userOf(spec: Container | undefined): { uid: number; gid: number } | undefined {
    if (process.getuid?.() !== 0) return undefined
    if (spec !== undefined && this.#imageOf(spec) !== undefined) return undefined
    const first =
      spec ?? this.#options.spec.containers.find((container) => this.#imageOf(container) === undefined)
    const uid = first?.securityContext?.runAsUser ?? this.#options.spec.securityContext?.runAsUser
    if (uid === undefined || uid === 0) return undefined
    return {
      uid,
      gid: first?.securityContext?.runAsGroup ?? this.#options.spec.securityContext?.runAsGroup ?? uid,
    }
  }

  #allowedUser(spec: Container, cwd: string, program: string): { uid: number; gid: number } | undefined {
    const user = this.userOf(spec)
    if (user === undefined) return undefined
    const closed = [cwd, dirname(findProgram(program) ?? '/')].find((folder) => !mayEnter(user, folder))
    if (closed === undefined) return user
    const message = `container ${spec.name} runs as root: it requests user ${user.uid}, which may not enter ${closed}`
    this.#onWarning(message)
    return undefined
  }
}
