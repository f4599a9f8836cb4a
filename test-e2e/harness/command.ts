import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@branchline/runtime/process/temporary'

const REPOSITORY = join(import.meta.dirname, '../..')
const MAX_OUTPUT_LENGTH = 1024 * 1024

/**
 * A command of the product, started as a user would, with its own temporary folder. The folder marks every descendant
 * process.
 */
export class Command {
  readonly #child: ChildProcess
  readonly #temporary = temporaryFolder('command')
  readonly #exited: Promise<number>
  #output = ''

  /** Starts a program of the repository with Node. */
  constructor(program: string, args: readonly string[]) {
    this.#child = spawn('node', [join(REPOSITORY, program), ...args], {
      cwd: REPOSITORY,
      env: { ...process.env, TMPDIR: this.#temporary, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const hear = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-MAX_OUTPUT_LENGTH)
    }
    this.#child.stdout?.on('data', hear)
    this.#child.stderr?.on('data', hear)
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve(code ?? (signal === null ? -1 : 128)))
    })
  }

  /** Everything that the command wrote. */
  get output(): string {
    return this.#output
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves with the exit code, or 128 if a signal ended the command. */
  exit(): Promise<number> {
    return this.#exited
  }

  /** Returns the command lines of its descendant processes that still run. */
  descendants(): string[] {
    // The folder of a pod is below it.
    const mark = `TMPDIR=${this.#temporary}`
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== this.#child.pid)
      .filter((pid) =>
        read(`/proc/${pid}/environ`)
          .split('\0')
          .some((one) => one.startsWith(mark)),
      )
      .map((pid) => `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`)
  }

  /** Returns the files that remain in its temporary folder. */
  files(): string[] {
    return readdirSync(this.#temporary, { recursive: true, encoding: 'utf8' })
  }

  /** Ends the command if it still runs, and removes its folder. */
  async dispose(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
    rmSync(this.#temporary, { recursive: true, force: true })
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // The process has already ended.
    return ''
  }
}
