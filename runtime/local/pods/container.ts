import { setTimeout as wait } from 'node:timers/promises'
import { Backoff } from '../../process/backoff.ts'
import type { Container, LifecycleHandler, Probe } from '../kubernetes.ts'
import { probeLoop, probeOnce, probeTcp, type ProbeTarget } from './probes.ts'
import { describeExit, type Exit, type Started } from './process.ts'

/** The waits before a container is started again, as a kubelet's but shorter; the first time there is none. */
const RESTART = { firstMs: 200, maxMs: 10_000 }
/** A container that has run for so long starts again as if for the first time, without a wait. */
const STEADY_MS = 10_000
/** A container without a readiness probe is waited for at its ports so long, then taken as ready. */
const PORTS_TIMEOUT_MS = 15_000
const PORTS_EVERY_MS = 50
const PORT_TRY_TIMEOUT_MS = 1_000

export interface ContainerOptions {
  readonly spec: Container
  readonly ip: string
  /** Starts the container's process; throws, saying why, where it cannot be. */
  readonly start: () => Started
  /** Runs a command beside it; resolves with why it failed, or undefined. */
  readonly exec: ProbeTarget['exec']
  /** Called when anything changed: readiness, process, restarts. */
  readonly onChange: () => void
  /** Called with what a person should know: why it exited, why it is not ready. */
  readonly onTrouble: (trouble: Trouble) => void
}

export type Trouble =
  | { readonly type: 'exit'; readonly exit: Exit }
  | { readonly type: 'start'; readonly message: string }
  | { readonly type: 'liveness'; readonly message: string }
  | { readonly type: 'readiness'; readonly message: string }
  | { readonly type: 'ports'; readonly port: number; readonly message: string }

/** One container: kept running until it is stopped, started (startup probe) and ready by its probes. */
export class ContainerRunner {
  readonly spec: Container
  restarts = 0
  started = false
  ready = false
  readonly #options: ContainerOptions
  readonly #stopping = new AbortController()
  #process: Started | undefined
  #ended: Promise<void> | undefined

  constructor(options: ContainerOptions) {
    this.#options = options
    this.spec = options.spec
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Keeps it running; resolves once it started for the first time, or was stopped. */
  async keepRunning(): Promise<void> {
    this.#ended = this.#loop()
    await this.#until(() => this.started || this.#stopping.signal.aborted)
  }

  /** Runs it until it exits with 0 once, starting it again where it fails; resolves then, or when stopped. */
  async runToEnd(): Promise<void> {
    const backoff = new Backoff(RESTART)
    this.#ended = (async () => {
      while (!this.#stopping.signal.aborted) {
        const exit = await this.#runOnce()
        if (exit?.code === 0) break
        if (exit !== undefined && !this.#stopping.signal.aborted)
          this.#options.onTrouble({ type: 'exit', exit })
        this.restarts++
        await pause(backoff.nextMs(), this.#stopping.signal)
      }
      this.started = this.ready = !this.#stopping.signal.aborted
      this.#changed()
    })()
    await this.#ended
  }

  /**
   * Runs its preStop hook, if it has one and is running. Resolves once the hook has ended or the time is over. A hook
   * that fails changes nothing, as on Kubernetes.
   */
  async preStop(timeoutMs: number): Promise<void> {
    const { preStop } = this.spec.lifecycle ?? {}
    if (preStop === undefined || this.#process === undefined) return
    // No timer outlives the hook: one left over would keep the whole process up after it has stopped.
    const over = new AbortController()
    const hook = this.#preStop(preStop, timeoutMs, over.signal).catch(() => undefined)
    await Promise.race([hook, pause(timeoutMs, over.signal)])
    over.abort()
  }

  /** SIGTERM, then SIGKILL once the time is over. Resolves when nothing of it runs. */
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
      if (exit !== undefined) this.#options.onTrouble({ type: 'exit', exit })
      if (performance.now() - startedAt > STEADY_MS) {
        backoff.reset()
        isFirst = true
      }
      this.restarts++
      this.#changed()
      // One that could not be started at all has not ended: there is no hurry.
      if (!isFirst || exit === undefined) await pause(backoff.nextMs(), this.#stopping.signal)
      isFirst = false
    }
  }

  async #runOnce(): Promise<Exit | undefined> {
    const over = new AbortController()
    try {
      this.#process = this.#options.start()
    } catch (error) {
      this.#options.onTrouble({ type: 'start', message: (error as Error).message })
      return undefined
    }
    this.#changed()
    void this.#watch(over.signal)
    const exit = await this.#process.exited
    over.abort()
    this.#process = undefined
    this.started = this.ready = false
    this.#changed()
    return exit
  }

  /** Follows the probes of one run of the process. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { startupProbe, readinessProbe, livenessProbe } = this.spec
    if (startupProbe !== undefined && !(await this.#startup(startupProbe, signal))) return
    if (signal.aborted) return
    this.started = true
    this.#changed()
    if (livenessProbe !== undefined) void this.#liveness(livenessProbe, signal)
    if (readinessProbe === undefined) {
      if (startupProbe === undefined) await this.#portsOpen(signal)
      this.#setReady(!signal.aborted)
      return
    }
    const target = this.#target()
    const onChange = (passing: boolean, reason: string | undefined): void => {
      if (reason !== undefined) this.#options.onTrouble({ type: 'readiness', message: reason })
      this.#setReady(passing)
    }
    await probeLoop({ probe: readinessProbe, target, signal, onChange })
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
      void probeLoop({ probe, target: this.#target(), signal: both, onChange })
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

  /** Without a readiness probe Kubernetes takes a started process as ready; here its ports are waited for. */
  async #portsOpen(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + PORTS_TIMEOUT_MS
    const ports = (this.spec.ports ?? []).filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP')
    for (const { containerPort } of ports) {
      let reason: string | undefined = 'not tried'
      while (reason !== undefined && !signal.aborted) {
        reason = await probeTcp(this.#options.ip, containerPort, PORT_TRY_TIMEOUT_MS)
        if (reason === undefined || performance.now() > deadline) break
        await pause(PORTS_EVERY_MS, signal)
      }
      if (reason !== undefined && !signal.aborted) {
        this.#options.onTrouble({ type: 'ports', port: containerPort, message: reason })
      }
    }
  }

  #target(): ProbeTarget {
    return { ip: this.#options.ip, ports: this.spec.ports, exec: this.#options.exec }
  }

  #setReady(ready: boolean): void {
    if (this.ready === ready) return
    this.ready = ready
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

/** How long a container whose probe failed may take to end by SIGTERM, in milliseconds. */
const LIVENESS_KILL_MS = 2_000

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined)
}

export { describeExit }
