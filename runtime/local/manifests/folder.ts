import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { watch, type FSWatcher } from 'chokidar'
import { type Problem, describeProblem } from '../types.ts'
import { idOf, nameOf } from './object.ts'
import { type FileContent, type Manifest, readManifests } from './read.ts'

/** The largest manifest that is read, in octets. */
const MAX_FILE_LENGTH = 16 * 1024 * 1024
const MANIFEST = /\.(ya?ml|json)$/

export interface FolderOptions {
  readonly folder: string
  /** How long a change may wait for others to come with it, in milliseconds. Default: 40. */
  readonly settleMs?: number
  /** Called with all that the folder holds, at first and after each change. */
  readonly onChange: (content: FileContent) => void
}

/**
 * A folder of manifests, read recursively and watched. A file that can no longer be read, or an object of it
 * that became wrong, stays as it last was until it is right or gone, as Argo CD keeps what it last applied.
 */
export class ManifestFolder {
  readonly #options: FolderOptions
  readonly #folder: string
  readonly #files = new Map<string, FileContent>()
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: FolderOptions) {
    this.#options = options
    this.#folder = resolve(options.folder)
  }

  /** Reads the folder, tells it, and watches. Rejects where the folder cannot be read. */
  async start(): Promise<void> {
    for (const name of readdirSync(this.#folder, { recursive: true, encoding: 'utf8' }).toSorted()) {
      if (isManifest(name)) this.#read(join(this.#folder, name))
    }
    this.#tell()
    this.#watcher = watch(this.#folder, { ignoreInitial: true, ignored: isIgnored(this.#folder) })
    this.#watcher.on('all', (event, path) => this.#changed(event, path))
    await new Promise<void>((ready) => this.#watcher?.once('ready', ready))
    // What changed between reading and watching.
    this.#rescan()
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#watcher?.close()
  }

  #rescan(): void {
    let changed = false
    const names = readdirSync(this.#folder, { recursive: true, encoding: 'utf8' }).filter(isManifest)
    const paths = new Set(names.map((name) => join(this.#folder, name)))
    for (const path of paths) changed = this.#read(path) || changed
    for (const path of this.#files.keys()) if (!paths.has(path)) changed = this.#files.delete(path) || changed
    if (changed) this.#tell()
  }

  #changed(event: string, path: string): void {
    if (!isManifest(relative(this.#folder, path))) return
    const changed = event === 'unlink' ? this.#files.delete(path) : this.#read(path)
    if (!changed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#tell(), this.#options.settleMs ?? 40)
  }

  #read(path: string): boolean {
    const before = this.#files.get(path)
    const content = withLastGood(readFile(path, relative(this.#folder, path)), before)
    if (before !== undefined && same(before, content)) return false
    this.#files.set(path, content)
    return true
  }

  #tell(): void {
    const contents = [...this.#files.keys()].toSorted().map((path) => this.#files.get(path) as FileContent)
    this.#options.onChange(withoutDuplicates(contents))
  }
}

const isManifest = (name: string): boolean =>
  MANIFEST.test(name) && !name.split('/').some((part) => part.startsWith('.') || part === 'node_modules')

const isIgnored =
  (folder: string) =>
  (path: string): boolean =>
    relative(folder, path)
      .split('/')
      .some((part) => part === 'node_modules' || (part.startsWith('.') && part !== '..' && part !== ''))

const same = (one: FileContent, two: FileContent): boolean => JSON.stringify(one) === JSON.stringify(two)

function readFile(path: string, file: string): FileContent {
  try {
    const { size } = statSync(path)
    if (size <= MAX_FILE_LENGTH) return readManifests(file, readFileSync(path, 'utf8'))
    const message = `is not read: ${size} octets are more than ${MAX_FILE_LENGTH}`
    return { manifests: [], problems: [{ severity: 'error', file, message }] }
  } catch (error) {
    const message = `cannot be read: ${(error as Error).message}`
    return { manifests: [], problems: [{ severity: 'error', file, message }] }
  }
}

function withLastGood(content: FileContent, before: FileContent | undefined): FileContent {
  const errors = content.problems.filter((problem) => problem.severity === 'error')
  if (before === undefined || errors.length === 0) return content
  const wrong = new Set(errors.map((problem) => problem.object))
  const now = new Set(content.manifests.map(({ object }) => idOf(object)))
  // An error that names no object is one of the whole file.
  const kept = before.manifests.filter(
    ({ object }) => !now.has(idOf(object)) && (wrong.has(undefined) || wrong.has(nameOf(object))),
  )
  return { manifests: [...content.manifests, ...kept], problems: content.problems }
}

function withoutDuplicates(contents: readonly FileContent[]): FileContent {
  const first = new Map<string, Manifest>()
  const problems: Problem[] = contents.flatMap((content) => content.problems)
  for (const manifest of contents.flatMap((content) => content.manifests)) {
    const id = idOf(manifest.object)
    const other = first.get(id)
    if (other === undefined) first.set(id, manifest)
    else if (manifest.object.kind !== 'Namespace') {
      problems.push({
        severity: 'error',
        file: manifest.file,
        line: manifest.line,
        object: nameOf(manifest.object),
        message: `is in ${other.file}:${other.line} already, which counts: remove one of them`,
      })
    }
  }
  const said = new Map(problems.map((problem) => [describeProblem(problem), problem]))
  return { manifests: [...first.values()], problems: [...said.values()] }
}
