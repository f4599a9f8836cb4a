import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/** How a workload probably runs from its source. */
export interface LocalRun {
  /** The folder of the source. */
  readonly dir: string
  /** Absent if it is not known. */
  readonly command?: string | readonly string[]
}

/** What is known about a workload from its manifest. */
export interface Described {
  readonly names: readonly string[]
  readonly command: readonly string[]
  readonly args: readonly string[]
}

/** Files by which a folder is that of a program. */
const MARKERS = new Set([
  'Dockerfile',
  'go.mod',
  'package.json',
  'requirements.txt',
  'pyproject.toml',
  'Gemfile',
  'Cargo.toml',
  'pom.xml',
  'build.gradle',
])
/** Programs that a machine has, or that its package manager installs. Other commands exist only in the image. */
const PROGRAMS = new Set(
  (
    'bun bundle celery daphne deno dotnet flask go gunicorn hypercorn java node npm npx php pnpm puma python python3 ' +
    'rackup rails ruby sh uvicorn uwsgi yarn'
  ).split(' '),
)
const SKIPPED = /^(?:\.|node_modules$|vendor$|dist$|target$|__pycache__$)/
const MAX_DEPTH = 4
const MAX_FOLDERS = 5_000
const MAX_FILE_BYTES = 256 * 1024

/** Finds the folders with a program near a folder of manifests: in its repository, or next to it. */
export function sourceFolders(manifests: string): string[] {
  const root = repositoryOf(resolve(manifests)) ?? dirname(resolve(manifests))
  const found: string[] = []
  const queue = [{ path: root, depth: 0 }]
  for (let at = 0; at < queue.length && at < MAX_FOLDERS; at++) {
    const { path, depth } = queue[at] as { path: string; depth: number }
    const entries = entriesOf(path)
    if (entries.some((entry) => entry.isFile() && MARKERS.has(entry.name))) found.push(path)
    if (depth === MAX_DEPTH) continue
    for (const entry of entries) {
      if (entry.isDirectory() && !SKIPPED.test(entry.name))
        queue.push({ path: join(path, entry.name), depth: depth + 1 })
    }
  }
  return found
}

function repositoryOf(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at
    if (at === dirname(at)) return undefined
  }
}

function entriesOf(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch {
    // A folder that cannot be read has no source for us.
    return []
  }
}

/** Finds how a workload runs from one of the folders: the one that has its name. Undefined if there is none. */
export function localRun(workload: Described, folders: readonly string[]): LocalRun | undefined {
  const dir = workload.names
    .flatMap((name) => folders.find((folder) => basename(folder) === name) ?? [])
    .at(0)
  if (dir === undefined) return undefined
  const command = commandOf(workload, dir)
  return { dir, ...(command !== undefined && { command }) }
}

function commandOf({ command, args }: Described, dir: string): string | readonly string[] | undefined {
  const given =
    command.length > 0 ? [...command, ...args] : dockerCommand(readOptional(join(dir, 'Dockerfile')), args)
  if (given !== undefined && PROGRAMS.has(given[0] ?? '')) return given
  if (existsSync(join(dir, 'go.mod'))) return ['go', 'run', '.', ...(given ?? []).slice(1)]
  return hasStartScript(join(dir, 'package.json')) ? 'npm start' : undefined
}

/** The command of an image: ENTRYPOINT with the arguments, or with CMD. The last instruction of each kind counts. */
export function dockerCommand(text: string, args: readonly string[]): readonly string[] | undefined {
  const lines = text.replaceAll(/\\\r?\n/g, ' ').split(/\r?\n/)
  const last = (instruction: string): readonly string[] | undefined =>
    lines.flatMap((line) => wordsOf(line, instruction) ?? []).length === 0
      ? undefined
      : lines.map((line) => wordsOf(line, instruction)).findLast((words) => words !== undefined)
  const entrypoint = last('ENTRYPOINT')
  const words = args.length > 0 ? args : (last('CMD') ?? [])
  // The shell form of ENTRYPOINT takes no arguments.
  const whole =
    entrypoint === undefined ? words : entrypoint[0] === 'sh' ? entrypoint : [...entrypoint, ...words]
  return whole.length === 0 ? undefined : whole
}

function wordsOf(line: string, instruction: string): readonly string[] | undefined {
  const [, rest] = new RegExp(`^\\s*${instruction}\\s+(.+?)\\s*$`, 'i').exec(line) ?? []
  if (rest === undefined) return undefined
  try {
    const words: unknown = JSON.parse(rest)
    if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words
  } catch {
    // The shell form.
  }
  return ['sh', '-c', rest]
}

function hasStartScript(file: string): boolean {
  try {
    const { scripts } = JSON.parse(readOptional(file)) as { scripts?: { start?: unknown } }
    return typeof scripts?.start === 'string'
  } catch {
    return false
  }
}

function readOptional(file: string): string {
  try {
    const text = readFileSync(file, 'utf8')
    return text.length > MAX_FILE_BYTES ? '' : text
  } catch {
    return ''
  }
}
