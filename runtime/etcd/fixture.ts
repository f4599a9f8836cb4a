import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { temporaryFolder } from '../process/temporary.ts'
import { later } from '../testing/cleanups.ts'
import { freePort } from '../testing/ports.ts'
import { until } from '../testing/until.ts'
import { EtcdClient } from './client.ts'
import { DEFAULT_ETCD_LIMITS, type EtcdLimits } from './limits.ts'

/** Whether etcd is installed. Says so in one line where it is not. */
export const hasEtcd = ((): boolean => {
  try {
    execFileSync('etcd', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    process.stderr.write('skipped: tests with a real etcd (install etcd-server)\n')
    return false
  }
})()

/** Limits under which nothing waits for long. */
export const QUICK: EtcdLimits = {
  ...DEFAULT_ETCD_LIMITS,
  checkMs: 200,
  leaseSeconds: 2,
  retry: { firstMs: 10, maxMs: 100 },
}

export const silent = pino({ level: 'silent' })

/** A real etcd on loopback, with data in a temporary folder, until the end of the test. */
export class TestEtcd {
  readonly url: string
  readonly #folder: string
  readonly #more: readonly string[]
  #process: ChildProcess | undefined

  private constructor(url: string, more: readonly string[]) {
    this.url = url
    this.#more = more
    this.#folder = temporaryFolder('etcd')
  }

  static async start(scheme: 'http' | 'https' = 'http', more: readonly string[] = []): Promise<TestEtcd> {
    const etcd = new TestEtcd(`${scheme}://127.0.0.1:${await freePort()}`, more)
    later(async () => {
      await etcd.kill()
      await rm(etcd.#folder, { recursive: true, force: true })
    })
    await etcd.begin()
    return etcd
  }

  client(
    limits: Partial<EtcdLimits> = {},
    more: { tlsFolder?: string; userFolder?: string } = {},
  ): EtcdClient {
    const client = new EtcdClient({ endpoints: [this.url], limits: { ...QUICK, ...limits }, ...more })
    later(() => client.close())
    return client
  }

  /** Starts it (again), with the data that it had. */
  async begin(): Promise<void> {
    // Without TLS and users.
    const health = `http://127.0.0.1:${await freePort()}`
    const peer = `http://127.0.0.1:${await freePort()}`
    const options = {
      'data-dir': join(this.#folder, 'data'),
      'listen-client-urls': this.url,
      'advertise-client-urls': this.url,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': `default=${peer}`,
      'listen-metrics-urls': health,
      'log-level': 'warn',
    }
    const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
    const child = spawn('etcd', [...flags, ...this.#more], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'], ETCD_UNSUPPORTED_ARCH: process.arch },
    })
    this.#process = child
    let log = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-4_000)))
    await until(
      async () => {
        if (child.exitCode !== null) throw new Error(`etcd has ended: ${log}`)
        return fetch(`${health}/health`).then(
          ({ ok }) => ok,
          () => false,
        )
      },
      () => `etcd serves: ${log}`,
    )
  }

  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
}
