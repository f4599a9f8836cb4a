import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { later } from '../testing/cleanups.ts'

/** What a relay says first. A role that does not run has no address. */
export interface Addresses {
  readonly http: string
  readonly api: string
  readonly tunnel: string
  readonly key?: string
}

/** A relay in a process of its own, as its users start it. */
export class RelayProcess {
  readonly addresses: Addresses
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, addresses: Addresses) {
    this.#child = child
    this.addresses = addresses
  }

  /** Starts one on free ports of loopback. Resolves when it runs. */
  static async start(variables: Readonly<Record<string, string>>): Promise<RelayProcess> {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), '--json'], {
      stdio: ['ignore', 'pipe', process.env['BRANCHLINE_TEST_LOG'] === undefined ? 'ignore' : 'inherit'],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        POD_IP: '127.0.0.1',
        BRANCHLINE_HTTP_PORT: '0',
        BRANCHLINE_TUNNEL_PORT: '0',
        BRANCHLINE_ADMIN_PORT: '0',
        BRANCHLINE_API_PORT: '0',
        BRANCHLINE_RELAY_TOKEN: 'token-of-the-tests-0123456789',
        BRANCHLINE_ALLOW_TARGETS: '127.0.0.0/8',
        ...variables,
      },
    })
    later(async () => {
      child.kill('SIGKILL')
    })
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      child.stdout?.resume()
      return new RelayProcess(child, JSON.parse(line) as Addresses)
    }
    throw new Error(`the relay ended with ${child.exitCode}`)
  }

  get pid(): number {
    return this.#child.pid as number
  }

  get httpPort(): number {
    return Number(new URL(this.addresses.http).port)
  }

  /** Ends it. Resolves with its exit code, or undefined if it was killed. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | undefined> {
    this.#child.kill(signal)
    return this.ended()
  }

  async ended(): Promise<number | undefined> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
    return this.#child.exitCode ?? undefined
  }
}
