import { setTimeout as wait } from 'node:timers/promises'
import { Backoff } from '../../process/backoff.ts'
import type { Container, LifecycleHandler, Probe } from '../kubernetes.ts'
import type { ContainerLog } from './logs.ts'
import type { Dial } from '../network/dial.ts'
import type { PodNetwork } from '../network/network.ts'
import { probeLoop, probeOnce, type ProbeTarget } from './probes.ts'
import type { Exit, Started } from './process.ts'

/** The waits before a restart, like a kubelet's but shorter. The first restart has no wait. */
const RESTART = { firstMs: 200, maxMs: 10_000 }
/** After running this long, a container restarts like for the first time, without a wait. */
const STEADY_MS = 10_000
/** How long ports may take to accept before that is reported as a trouble, in milliseconds. */
const PORTS_TIMEOUT_MS = 15_000
const PORTS_EVERY_MS = 50
const LATE_PORTS_EVERY_MS = 250
const PORT_TRY_TIMEOUT_MS = 1_000
/** How many of the last lines of a run are kept, like Kubernetes' FallbackToLogsOnError. */
const MESSAGE_LINES = 80

export interface ContainerOptions {
  readonly spec: Container
  readonly ip: string
  /** The ports on which it must accept connections to be ready, if it has no probe. */
  readonly ports: RequiredPorts
  readonly log: ContainerLog
  readonly dial: Dial
  readonly closedReason: PodNetwork['closedReason']
  /** Starts the container's process. Throws with the reason if that fails. */
  readonly start: () => Started
  /** Runs a command in the container. Resolves to why it failed, or undefined. */
  readonly exec: ProbeTarget['exec']
  /** Called when readiness, the process or the number of restarts changed. */
  readonly onChange: () => void
  /** Called with what users should know: why it exited, or why it is not ready. */
  readonly onTrouble: (trouble: Trouble) => void
}

/** The ports of a container that a Service leads to, and those that it only declares. */
export interface RequiredPorts {
  /** Without these it is not ready. */
  readonly served: readonly number[]
  /** These are waited for, but not for long: nothing shows that they are used. */
  readonly declared: readonly number[]
}

/** One run of a container's process that is over. */
export interface EndedRun {
  readonly exit: Exit
  readonly startedAtMs: number
  readonly endedAtMs: number
  /** The last lines that it wrote. */
  readonly lines: readonly string[]
}

export type Trouble =
  | { readonly type: 'exit'; readonly exit: Exit; readonly isFinal?: boolean }
  | { readonly type: 'start'; readonly message: string }
  | { readonly type: 'liveness'; readonly message: string }
  | { readonly type: 'readiness'; readonly message: string }
  | { readonly type: 'ports'; readonly port: number; readonly message: string }

/** One container: keeps it running until it is stopped, and follows its probes. */
export class ContainerRunner {
  readonly spec: Container
  restarts = 0
  started = false
  ready = false
  /** Why it is not ready, or why it could not be started. Undefined if that is not known. */
  reason: string | undefined
  lastRun: EndedRun | undefined
  /** When its process started, in milliseconds since 1970. Undefined while none runs. */
  startedAtMs: number | undefined
  readonly #options: ContainerOptions
  readonly #stopping = new AbortController()
  #wake = new AbortController()
  #isRestarting = false
  #process: Started | undefined
  #ended: Promise<void> | undefined

  constructor(options: ContainerOptions) {
    this.#options = options
    this.spec = options.spec
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Keeps it running. Resolves once it has started for the first time, or was stopped. */
  async keepRunning(): Promise<void> {
    this.#ended = this.#loop()
    await this.#until(() => this.started || this.#stopping.signal.aborted)
  }

  /**
   * Runs it until it has exited with 0 once. After a failure it is restarted, unless `retries` is false. Resolves then,
   * or when stopped, with whether it has exited with 0.
   */
  async runToEnd(retries = true): Promise<boolean> {
    const backoff = new Backoff(RESTART)
    let isDone = false
    this.#ended = (async () => {
      while (!this.#stopping.signal.aborted) {
        const exit = await this.#runOnce()
        isDone = exit?.code === 0
        if (!isDone && exit !== undefined && !this.#stopping.signal.aborted)
          this.#options.onTrouble({ type: 'exit', exit, isFinal: !retries })
        if (isDone || !retries) break
        this.restarts++
        await this.#pause(backoff.nextMs())
      }
      this.started = this.ready = isDone && !this.#stopping.signal.aborted
      this.#changed()
    })()
    await this.#ended
    return isDone
  }

  /** Ends its process within the time and starts it again, without a wait. Without a process it only starts it. */
  restart(timeoutMs: number): void {
    this.#wake.abort()
    this.#wake = new AbortController()
    const ending = this.#process
    if (ending === undefined) return
    this.#isRestarting = true
    ending.signal('SIGTERM')
    const killer = setTimeout(() => ending.killGroup(), timeoutMs)
    void ending.exited.then(() => clearTimeout(killer))
  }

  /**
   * Runs its preStop hook, if it has one and is running. Resolves once the hook has ended or the time is over. A failed
   * hook has no effect, like on Kubernetes.
   */
  async preStop(timeoutMs: number): Promise<void> {
    const { preStop } = this.spec.lifecycle ?? {}
    if (preStop === undefined || this.#process === undefined) return
    // No timer may outlive the hook, because it would keep the whole process running after the stop.
    const over = new AbortController()
    const hook = this.#preStop(preStop, timeoutMs, over.signal).catch(() => undefined)
    await Promise.race([hook, pause(timeoutMs, over.signal)])
    over.abort()
  }

  /** Sends SIGTERM, and SIGKILL after the timeout. Resolves when no process is left. */
  async stop(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs
    this.#stopping.abort()
    this.#process?.signal('SIGTERM')
    const killer = setTimeout(() => this.#process?.killGroup(), Math.max(0, deadline - performance.now()))
    await this.#ended
    clearTimeout(killer)
    this.ready = this.started = false
  }

  async #preStop(hook: LifecycleHandler, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (hook.sleep !== undefined) await pause(hook.sleep.seconds * 1000, signal)
    if (hook.exec !== undefined) await this.#options.exec(hook.exec.command, timeoutMs)
    if (hook.httpGet !== undefined) await probeOnce({ httpGet: hook.httpGet }, this.#target())
  }

  async #loop(): Promise<void> {
    const backoff = new Backoff(RESTART)
    let isFirst = true
    while (!this.#stopping.signal.aborted) {
      const startedAt = performance.now()
      const exit = await this.#runOnce()
      if (this.#stopping.signal.aborted) return
      if (this.#isRestarting) {
        this.#isRestarting = false
        backoff.reset()
        isFirst = true
        continue
      }
      if (exit !== undefined) this.#options.onTrouble({ type: 'exit', exit })
      if (performance.now() - startedAt > STEADY_MS) {
        backoff.reset()
        isFirst = true
      }
      this.restarts++
      this.#changed()
      // Always wait after a failed start.
      if (!isFirst || exit === undefined) await this.#pause(backoff.nextMs())
      isFirst = false
    }
  }

  /** Waits, until the stop or a restart at the latest. */
  async #pause(ms: number): Promise<void> {
    await pause(ms, AbortSignal.any([this.#stopping.signal, this.#wake.signal]))
  }

  async #runOnce(): Promise<Exit | undefined> {
    const over = new AbortController()
    const { log } = this.#options
    const before = log.count
    try {
      this.#process = this.#options.start()
    } catch (error) {
      this.reason = (error as Error).message
      this.#options.onTrouble({ type: 'start', message: this.reason })
      return undefined
    }
    const startedAtMs = (this.startedAtMs = Date.now())
    this.reason = undefined
    this.#changed()
    void this.#watch(over.signal)
    const exit = await this.#process.exited
    over.abort()
    this.#process = undefined
    this.startedAtMs = undefined
    this.started = this.ready = false
    const lines = log.last(Math.min(MESSAGE_LINES, log.count - before))
    // A restart because of changed files is no failure.
    this.lastRun = this.#isRestarting ? undefined : { exit, startedAtMs, endedAtMs: Date.now(), lines }
    this.#changed()
    return exit
  }

  /** Follows the probes during one run of the process. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { startupProbe, readinessProbe, livenessProbe } = this.spec
    if (startupProbe !== undefined && !(await this.#startup(startupProbe, signal))) return
    if (signal.aborted) return
    this.started = true
    this.#changed()
    if (livenessProbe !== undefined) void this.#liveness(livenessProbe, signal)
    if (readinessProbe === undefined) {
      if (startupProbe === undefined) await this.#portsOpen(signal)
      if (!signal.aborted) this.#setReady(true)
      return
    }
    const target = this.#target()
    const onChange = (passing: boolean, reason: string | undefined): void => {
      if (reason !== undefined) this.#options.onTrouble({ type: 'readiness', message: reason })
      this.#setReady(passing)
    }
    await probeLoop({ probe: readinessProbe, target, signal, onChange, onResult: this.#onResult })
  }

  #startup(probe: Probe, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const ended = new AbortController()
      const both = AbortSignal.any([signal, ended.signal])
      both.addEventListener('abort', () => resolve(false), { once: true })
      const onChange = (passing: boolean, reason: string | undefined): void => {
        resolve(passing)
        ended.abort()
        if (!passing) this.#kill(`its startup probe failed: ${reason}`)
      }
      void probeLoop({ probe, target: this.#target(), signal: both, onChange, onResult: this.#onResult })
    })
  }

  async #liveness(probe: Probe, signal: AbortSignal): Promise<void> {
    const onChange = (passing: boolean, reason: string | undefined): void => {
      if (!passing) this.#kill(`its liveness probe failed: ${reason}`)
    }
    await probeLoop({ probe, target: this.#target(), signal, onChange })
  }

  #kill(message: string): void {
    this.#options.onTrouble({ type: 'liveness', message })
    const killed = this.#process
    killed?.signal('SIGTERM')
    const timer = setTimeout(() => killed?.killGroup(), LIVENESS_KILL_MS)
    void killed?.exited.then(() => clearTimeout(timer))
  }

  /** Without a readiness probe, Kubernetes treats a started process as ready. Here it first waits for the ports. */
  async #portsOpen(signal: AbortSignal): Promise<void> {
    const { served, declared } = this.#options.ports
    for (const port of served) await this.#portOpens(port, signal, true)
    for (const port of declared) await this.#portOpens(port, signal, false)
  }

  /** Resolves once a port accepts. A port that need not accept is given up after some time. */
  async #portOpens(port: number, signal: AbortSignal, must: boolean): Promise<void> {
    const deadline = performance.now() + PORTS_TIMEOUT_MS
    let reported = false
    while (!signal.aborted) {
      const reason = await this.#options.closedReason(port, this.pid, PORT_TRY_TIMEOUT_MS)
      if (reason === undefined || signal.aborted) return
      if (must) this.#explain(`it does not accept connections on port ${port}`)
      const late = performance.now() > deadline
      if (late && !reported) this.#options.onTrouble({ type: 'ports', port, message: reason })
      if (late && !must) return
      reported = late
      await pause(late ? LATE_PORTS_EVERY_MS : PORTS_EVERY_MS, signal)
    }
  }

  /** The result of a probe that decides whether it is ready. */
  readonly #onResult = (reason: string | undefined): void => {
    const [, port] = /ECONNREFUSED \S+:(\d+)$/.exec(reason ?? '') ?? []
    this.#explain(port === undefined ? reason : `it does not accept connections on port ${port}`)
  }

  /** Keeps why it is not ready. */
  #explain(reason: string | undefined): void {
    if (this.reason === reason) return
    this.reason = reason
    this.#changed()
  }

  #target(): ProbeTarget {
    const { ip, dial, exec } = this.#options
    return { ip, dial, ports: this.spec.ports, exec }
  }

  #setReady(ready: boolean): void {
    if (this.ready === ready) return
    this.ready = ready
    if (ready) this.reason = undefined
    this.#changed()
  }

  readonly #waiting = new Set<() => void>()

  #changed(): void {
    for (const check of this.#waiting) check()
    this.#options.onChange()
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      this.#stopping.signal.addEventListener('abort', check, { once: true })
      check()
    })
  }
}

/** How long a container may take to end by SIGTERM after a failed probe, in milliseconds. */
const LIVENESS_KILL_MS = 2_000

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined)
}
