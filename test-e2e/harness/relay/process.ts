import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const MAIN = join(import.meta.dirname, '../../../runtime/relay/main.ts')

type Variables = Readonly<Record<string, string>>

/** What a relay writes first. A role that does not run has no address. */
interface Addresses {
  readonly http?: string
  readonly api?: string
  readonly tunnel?: string
  readonly key?: string
}

/** A process of `runtime/relay/main.ts`, which can be killed and started again at the same addresses. */
export class RelayProcess {
  readonly #variables: Variables
  #child: ChildProcess | undefined
  #addresses: Addresses = {}

  constructor(variables: Variables) {
    this.#variables = variables
  }

  get addresses(): Addresses {
    return this.#addresses
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Resolves when it runs. `more` replaces variables for this start. */
  async start(more: Variables = {}): Promise<this> {
    const child = spawn(process.execPath, [MAIN, '--json'], {
      stdio: ['ignore', 'pipe', process.env['BRANCHLINE_TEST_LOG'] === undefined ? 'ignore' : 'inherit'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...this.#variables, ...more },
    })
    this.#child = child
    for await (const line of createInterface({ input: child.stdout })) {
      child.stdout?.resume()
      this.#addresses = JSON.parse(line) as Addresses
      return this
    }
    throw new Error(`the relay ended with ${child.exitCode ?? child.signalCode}`)
  }

  /** Sends a signal that does not end it, such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Ends it, and resolves when it has ended. It is no error if it does not run. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
}
