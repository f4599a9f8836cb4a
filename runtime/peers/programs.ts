import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'branchline', 'peers')
/** A first build fetches modules and compiles them. */
const BUILD_TIMEOUT_MS = 300_000

/** A program that tests run, or why it is missing. */
export type Program = { readonly command: readonly string[] } | { readonly missing: string }

/** True if this run builds peers in other languages. The first build takes minutes, so it must be requested. */
const wanted = process.env['BRANCHLINE_PEERS'] === 'build'
const UNWANTED: Program = { missing: '`npm run test:peers` runs it' }

/** Builds the Go program of a folder, once for each state of its sources. */
export async function goProgram(folder: string): Promise<Program> {
  if (!wanted) return UNWANTED
  const hash = createHash('sha256')
  for (const file of globSync('*.{go,mod,sum}', { cwd: folder }).toSorted()) {
    hash.update(file).update(readFileSync(join(folder, file)))
  }
  const binary = join(cache, `go-${hash.digest('hex').slice(0, 16)}`)
  return built(binary, (made) =>
    run('go', ['build', '-o', made, '.'], { cwd: folder, timeout: BUILD_TIMEOUT_MS }),
  )
}

/** Builds a program of a Go module, such as `example.com/tool/cmd/tool@v1.2.3`. */
export async function goModule(module: string): Promise<Program> {
  if (!wanted) return UNWANTED
  const name = /([^/@]+)@/.exec(module)?.[1] ?? ''
  const folder = join(cache, createHash('sha256').update(module).digest('hex').slice(0, 16))
  const env = { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod' }
  const install = (): Promise<unknown> => run('go', ['install', module], { env, timeout: BUILD_TIMEOUT_MS })
  return built(join(folder, name), install)
}

/** A Python script that needs these modules. `BRANCHLINE_PYTHON` names the interpreter. Default: `python3`. */
export async function pythonProgram(script: string, modules: readonly string[]): Promise<Program> {
  if (!wanted) return UNWANTED
  const python = process.env['BRANCHLINE_PYTHON'] ?? 'python3'
  return attempt([python, script], () => run(python, ['-c', `import ${modules.join(', ')}`]))
}

async function built(binary: string, build: (made: string) => Promise<unknown>): Promise<Program> {
  if (existsSync(binary)) return { command: [binary] }
  return attempt([binary], async () => {
    await mkdir(cache, { recursive: true })
    const made = `${binary}.${process.pid}`
    await build(made)
    // Another process may build the same program.
    if (existsSync(made)) await rename(made, binary)
  })
}

async function attempt(command: readonly string[], prepare: () => Promise<unknown>): Promise<Program> {
  try {
    await prepare()
    return { command }
  } catch (error) {
    return { missing: (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '' }
  }
}

function commandOf(program: Program, args: readonly (string | number)[]): [file: string, args: string[]] {
  if ('missing' in program) throw new Error(program.missing)
  const [file = '', ...before] = program.command
  return [file, [...before, ...args.map(String)]]
}

/** Runs a client that prints one line of JSON. */
export async function ask(program: Program, ...args: readonly (string | number)[]): Promise<unknown> {
  const [file, all] = commandOf(program, args)
  const { stdout } = await run(file, all, { timeout: 60_000 })
  return JSON.parse(stdout)
}

/** Starts a server that prints its port and ends with its standard input. */
export async function serve(
  program: Program,
): Promise<{ readonly port: number; readonly process: ChildProcess }> {
  const [file, all] = commandOf(program, ['serve'])
  const child = spawn(file, all, { stdio: ['pipe', 'pipe', 'inherit'] })
  for await (const line of createInterface(child.stdout)) return { port: Number(line), process: child }
  throw new Error(`${file} serve: the program printed no port`)
}
