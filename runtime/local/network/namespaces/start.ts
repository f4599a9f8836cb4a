import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { once } from 'node:events'
import { NODE_SCRIPT, networkFile, podScript, resolvText } from './scripts.ts'
import { sandboxed, type SandboxStrategy } from '../../pods/sandbox.ts'

/** How long the node's network may take to exist, in milliseconds. */
const START_TIMEOUT_MS = 10_000
/** How much of its standard error is kept, in characters. */
const MAX_LAST_WORDS = 2_000
/** The number of the pod on which the method is tried. No real pod has it. */
const TRIAL = 65_534

/** A node that runs: its process, and how its namespaces are entered. */
export interface StartedNode {
  readonly child: ChildProcess
  readonly strategy: SandboxStrategy
  /** The last lines that it wrote to standard error. */
  readonly lastWords: () => string
}

/**
 * Starts the process of the node in namespaces of its own, and tries a pod. As root, that is a network and a mount
 * namespace. Other users also get a user namespace, in which they are root. Rejects with the reason if this system does
 * not allow it.
 */
export async function startNode(folder: string, env: Readonly<Record<string, string>>): Promise<StartedNode> {
  if (process.platform !== 'linux') throw new Error(`this system (${process.platform}) is not Linux`)
  mkdirSync(join(folder, 'net'))
  const isRoot = process.getuid?.() === 0
  const user = isRoot ? [] : ['--user', '--map-root-user']
  const script = `${NODE_SCRIPT}${podScript(folder, TRIAL)}echo ready\nexec "$@"`
  const program = [process.execPath, programFile(), folder]
  const args = [...user, '--net', '--mount', '--', 'sh', '-ec', script, 'sh', ...program]
  const child = spawn('unshare', args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...env,
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? cacheFolder(),
    },
  })
  const lastWords = endOf(child)
  const started = { child, strategy: isRoot ? 'root' : 'user', lastWords } as const
  try {
    await untilReady(child, lastWords)
    await tryPod(started, folder)
    return started
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

/** The command that enters the network of a pod. The caller is root there. */
export function enterCommand({ child, strategy }: StartedNode, folder: string, index: number): string[] {
  // The file shows the network only in the mount namespace of the node.
  const network = `--net=/proc/${child.pid}/root${networkFile(folder, index)}`
  if (strategy === 'root') return ['nsenter', network, '--']
  return ['nsenter', '--preserve-credentials', `--user=/proc/${child.pid}/ns/user`, network, '--']
}

/** Keeps the end of what a process writes to standard error. */
function endOf(child: ChildProcess): () => string {
  let wrote = ''
  child.stderr
    ?.setEncoding('utf8')
    .on('data', (chunk: string) => (wrote = (wrote + chunk).slice(-MAX_LAST_WORDS)))
  return () => wrote
}

function untilReady(child: ChildProcess, lastWords: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').once('data', () => resolve())
    const timer = setTimeout(
      () => reject(new Error(`the network did not exist within ${START_TIMEOUT_MS} ms`)),
      START_TIMEOUT_MS,
    )
    child.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      reject(error.code === 'ENOENT' ? new Error('the program unshare of util-linux is missing') : error)
    })
    child.once('close', (code) => {
      clearTimeout(timer)
      reject(new Error(firstLine(lastWords()) ?? `unshare exited with code ${code}`))
    })
    child.stdout?.once('data', () => clearTimeout(timer))
  })
}

/** Starts a command in a pod like any other, with a file of its own. */
async function tryPod(started: StartedNode, folder: string): Promise<void> {
  const enter = enterCommand(started, folder, TRIAL)
  const source = join(folder, 'net', 'resolv.conf')
  writeFileSync(source, resolvText(['branchline-try']))
  const files = { '/etc/resolv.conf': source }
  const [file, ...args] = sandboxed(started.strategy, { argv: ['cat', '/etc/resolv.conf'], files, enter })
  const child = spawn(file as string, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: START_TIMEOUT_MS })
  let [text, wrote] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (wrote += chunk))
  await once(child, 'close')
  if (text.includes('branchline-try')) return
  throw new Error(firstLine(wrote) ?? 'a pod cannot have its own /etc/resolv.conf')
}

const firstLine = (text: string): string | undefined => text.split('\n').find((line) => line.trim() !== '')

/** The bundle next to the bundled command line, otherwise the source. */
function programFile(): string {
  const bundled = join(import.meta.dirname, 'processes', 'node.js')
  return existsSync(bundled) ? bundled : join(import.meta.dirname, 'main.ts')
}

/** The folder of compiled code, which later runs share. */
function cacheFolder(): string | undefined {
  if (existsSync(join(import.meta.dirname, 'processes'))) return undefined
  const runtime = dirname(createRequire(import.meta.url).resolve('@branchline/runtime/package.json'))
  return join(runtime, '../node_modules/.cache/branchline')
}
