import { statSync } from 'node:fs'
import { relative, resolve, sep } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { watch, type FSWatcher } from 'chokidar'
import { type Problem, describeProblem } from '../types.ts'
import { isHidden, listManifests, MAX_FOLDER_DEPTH, pathIn, readText } from './files.ts'
import { idOf, nameOf } from './object.ts'
import { type FileContent, type Manifest, readManifests } from './read.ts'

export interface FolderOptions {
  readonly folder: string
  /** How long a change may wait for others to come with it, in milliseconds. Default: 40. */
  readonly settleMs?: number
  /** Called with all that the folder holds, at first and after each change. */
  readonly onChange: (content: FileContent) => void
}

/** A file as it was read, with what shows whether it has changed since. */
interface FileState {
  readonly content: FileContent
  readonly version: string
}

/**
 * A folder of manifests, read recursively and watched. A file that can no longer be read, or an object of it
 * that became wrong, stays as it last was until it is right or gone, as Argo CD keeps what it last applied.
 */
export class ManifestFolder {
  readonly #options: FolderOptions
  readonly #folder: string
  readonly #files = new Map<string, FileState>()
  #passedOver: Problem[] = []
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: FolderOptions) {
    this.#options = options
    this.#folder = resolve(options.folder)
  }

  /** Reads the folder, tells it, and watches. Rejects where the folder cannot be read. */
  async start(): Promise<void> {
    this.#scan()
    this.#tell()
    this.#watcher = watch(this.#folder, {
      ignoreInitial: true,
      ignored: isIgnored(this.#folder),
      // A link may lead anywhere. What it leads to inside the folder is watched there.
      followSymlinks: false,
      depth: MAX_FOLDER_DEPTH,
    })
    this.#watcher.on('all', () => this.#changed())
    await new Promise<void>((ready) => this.#watcher?.once('ready', ready))
    // What changed between reading and watching.
    if (this.#scan()) this.#tell()
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#watcher?.close()
  }

  #changed(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (this.#scan()) this.#tell()
    }, this.#options.settleMs ?? 40)
  }

  /** Reads what is new or changed; says whether anything is. */
  #scan(): boolean {
    const { files, passedOver } = listManifests(this.#folder)
    let changed = false
    for (const { path, target } of files) changed = this.#read(path, target) || changed
    const paths = new Set(files.map(({ path }) => path))
    for (const path of this.#files.keys()) if (!paths.has(path)) changed = this.#files.delete(path) || changed
    const problems = passedOver.map(({ path, message }): Problem => {
      return { severity: 'warning', file: pathIn(this.#folder, path), message }
    })
    changed ||= JSON.stringify(problems) !== JSON.stringify(this.#passedOver)
    this.#passedOver = problems
    return changed
  }

  #read(path: string, target: string): boolean {
    const version = versionOf(target)
    const before = this.#files.get(path)
    if (before !== undefined && before.version === version) return false
    const content = withLastGood(readFile(target, pathIn(this.#folder, path)), before?.content)
    this.#files.set(path, { content, version })
    return before === undefined || !isDeepStrictEqual(before.content, content)
  }

  #tell(): void {
    const contents = [...this.#files.keys()]
      .toSorted()
      .map((path) => (this.#files.get(path) as FileState).content)
    this.#options.onChange(withoutDuplicates([{ manifests: [], problems: this.#passedOver }, ...contents]))
  }
}

const isIgnored =
  (folder: string) =>
  (path: string): boolean =>
    path !== folder && relative(folder, path).split(sep).some(isHidden)

/** Changes whenever the file does: what `stat` says, without when it was last read. */
function versionOf(target: string): string {
  const stat = statSync(target, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? 'gone' : `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`
}

function readFile(target: string, file: string): FileContent {
  try {
    return readManifests(file, readText(target))
  } catch (error) {
    const message = `is not read: ${(error as Error).message}`
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
