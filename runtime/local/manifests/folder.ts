import { statSync } from 'node:fs'
import { relative, resolve, sep } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { watch, type FSWatcher } from 'chokidar'
import { type Problem, describeProblem } from '../types.ts'
import { isHidden, listManifests, MAX_FOLDER_DEPTH, pathIn, readText } from './files.ts'
import { idOf, nameOf } from './object.ts'
import { readOverlay } from './overlay.ts'
import { NOTED_ONCE } from './support.ts'
import { type FileContent, type Manifest, readManifests } from './read.ts'

export interface FolderOptions {
  readonly folder: string
  /** How long to collect further changes after one, in milliseconds. Default: 40. */
  readonly settleMs?: number
  /** Called with the whole content of the folder, first at the start and then after each change. */
  readonly onChange: (content: FileContent) => void
}

/** The content of a file, and a version that shows whether it has changed since. */
interface FileState {
  readonly content: FileContent
  readonly version: string
}

/**
 * A folder of manifests, read recursively and watched. A file that can no longer be read, or an object that becomes
 * invalid, keeps its last valid state until it is valid again or gone, like Argo CD keeps what it last applied.
 */
export class ManifestFolder {
  readonly #options: FolderOptions
  readonly #folder: string
  readonly #files = new Map<string, FileState>()
  #ignored: Problem[] = []
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: FolderOptions) {
    this.#options = options
    this.#folder = resolve(options.folder)
  }

  /** Reads the folder, reports its content, and watches it. Rejects if the folder cannot be read. */
  async start(): Promise<void> {
    this.#scan()
    this.#report()
    this.#watcher = watch(this.#folder, {
      ignoreInitial: true,
      ignored: isIgnored(this.#folder),
      // A link may lead anywhere. Its target inside the folder is watched there.
      followSymlinks: false,
      depth: MAX_FOLDER_DEPTH,
    })
    this.#watcher.on('all', () => this.#changed())
    await new Promise<void>((ready) => this.#watcher?.once('ready', ready))
    // Find changes between the first read and the start of the watch.
    if (this.#scan()) this.#report()
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#watcher?.close()
  }

  #changed(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (this.#scan()) this.#report()
    }, this.#options.settleMs ?? 40)
  }

  /** Reads new and changed files. Returns whether there are any. */
  #scan(): boolean {
    const { files, overlays, ignored } = listManifests(this.#folder)
    let changed = false
    for (const { path, target } of files) changed = this.#read(path, target, readManifests) || changed
    for (const { path, target } of overlays) changed = this.#read(path, target, readOverlayFile) || changed
    const paths = new Set([...files, ...overlays].map(({ path }) => path))
    for (const path of this.#files.keys()) if (!paths.has(path)) changed = this.#files.delete(path) || changed
    const problems = ignored.map(({ path, message }): Problem => {
      return { severity: 'warning', file: pathIn(this.#folder, path), message }
    })
    changed ||= JSON.stringify(problems) !== JSON.stringify(this.#ignored)
    this.#ignored = problems
    return changed
  }

  #read(path: string, target: string, read: Reader): boolean {
    const version = versionOf(target)
    const before = this.#files.get(path)
    if (before !== undefined && before.version === version) return false
    const content = withLastGood(readFile(target, pathIn(this.#folder, path), read), before?.content)
    this.#files.set(path, { content, version })
    return before === undefined || !isDeepStrictEqual(before.content, content)
  }

  #report(): void {
    const contents = [...this.#files.keys()]
      .toSorted()
      .map((path) => (this.#files.get(path) as FileState).content)
    this.#options.onChange(withoutDuplicates([{ manifests: [], problems: this.#ignored }, ...contents]))
  }
}

const isIgnored =
  (folder: string) =>
  (path: string): boolean =>
    path !== folder && relative(folder, path).split(sep).some(isHidden)

/** A value that changes with the file: the result of `stat` without the access time. */
function versionOf(target: string): string {
  const stat = statSync(target, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? 'gone' : `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`
}

function readOverlayFile(file: string, text: string): FileContent {
  const { overlay, problems } = readOverlay(file, text)
  return { manifests: [], problems, overlays: [overlay] }
}

/** Reads the content of a file from its path for messages and its text. */
type Reader = (file: string, text: string) => FileContent

function readFile(target: string, file: string, read: Reader): FileContent {
  try {
    return read(file, readText(target))
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
  // An error that names no object concerns the whole file.
  const kept = before.manifests.filter(
    ({ object }) => !now.has(idOf(object)) && (wrong.has(undefined) || wrong.has(nameOf(object))),
  )
  const { overlays = [] } = before
  return { manifests: [...content.manifests, ...kept], problems: content.problems, overlays }
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
        message: `is in ${other.file}:${other.line} already, which is used: remove one of them`,
      })
    }
  }
  const unique = new Map(problems.map((problem) => [describeProblem(problem), problem]))
  const overlays = contents.flatMap((content) => content.overlays ?? [])
  return { manifests: [...first.values()], problems: notedOnce([...unique.values()]), overlays }
}

/** Keeps the first problem of each kind in {@link NOTED_ONCE}, and says how many more there are. */
function notedOnce(problems: readonly Problem[]): Problem[] {
  const kindOf = ({ object }: Problem): string | undefined =>
    NOTED_ONCE.find((kind) => object?.startsWith(`${kind} `) === true)
  const counts = new Map<string | undefined, number>()
  for (const problem of problems) counts.set(kindOf(problem), (counts.get(kindOf(problem)) ?? 0) + 1)
  const seen = new Set<string>()
  return problems.flatMap((problem) => {
    const kind = kindOf(problem)
    if (kind === undefined) return [problem]
    if (seen.has(kind)) return []
    seen.add(kind)
    const more = (counts.get(kind) ?? 1) - 1
    return [more === 0 ? problem : { ...problem, message: `${problem.message} (and ${more} more)` }]
  })
}
