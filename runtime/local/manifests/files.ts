import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs'
import { join, relative, sep } from 'node:path'
import { LocalError } from '../errors.ts'

/** The largest manifest that is read, in bytes. The API server takes 3 MB. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024
/** The most manifests that a folder may hold. */
export const MAX_FILES = 10_000
/** The most entries of any kind that a folder may hold, hidden ones left out. */
export const MAX_ENTRIES = 100_000
/** How deep the folders below a folder may be nested. */
export const MAX_FOLDER_DEPTH = 32

const MANIFEST = /\.(ya?ml|json)$/

/** A path below the folder that is not read, and why. */
export interface PassedOver {
  readonly path: string
  /** The rest of a sentence that begins with the path. */
  readonly message: string
}

/** A manifest of a folder: where it is, and what is read for it (they differ for symbolic links). */
export interface ManifestPath {
  readonly path: string
  readonly target: string
}

export interface FolderListing {
  /** In the order of their paths. Each file of the disk appears once. */
  readonly files: readonly ManifestPath[]
  readonly passedOver: readonly PassedOver[]
}

/** Whether a name is passed over without a word: hidden files, and `node_modules`. */
export const isHidden = (name: string): boolean => name.startsWith('.') || name === 'node_modules'

/** Whether a name is that of a manifest. */
export const isManifestName = (name: string): boolean => MANIFEST.test(name)

/**
 * The manifests (`.yaml`, `.yml`, `.json`) of a folder, recursively. Symbolic links count where they lead to a
 * regular file or a folder inside the folder; a folder that several links reach is read once, so loops end.
 * Everything else with the name of a manifest is passed over and reported. Throws a {@link LocalError} where
 * the folder cannot be read, or holds more than {@link MAX_FILES}, {@link MAX_ENTRIES} or
 * {@link MAX_FOLDER_DEPTH} allow.
 */
export function listManifests(folder: string): FolderListing {
  const root = realpathSync(folder)
  const walk: Walk = { folder, root, seen: new Set(), entries: 0, files: [], passedOver: [] }
  walkFolder(walk, folder, root, 0)
  const byPath = (one: { path: string }, other: { path: string }): number => (one.path < other.path ? -1 : 1)
  return { files: walk.files.toSorted(byPath), passedOver: walk.passedOver.toSorted(byPath) }
}

interface Walk {
  readonly folder: string
  /** The folder without symbolic links. */
  readonly root: string
  /** The folders and files that were taken, without symbolic links. */
  readonly seen: Set<string>
  entries: number
  readonly files: ManifestPath[]
  readonly passedOver: PassedOver[]
}

function walkFolder(walk: Walk, path: string, target: string, depth: number): void {
  if (walk.seen.has(target)) return
  walk.seen.add(target)
  if (depth > MAX_FOLDER_DEPTH) throw tooMuch(walk, `folders nested more than ${MAX_FOLDER_DEPTH} deep`)
  // Links last, so that a file has its own path where a link leads to it, too.
  const entries = readdirSync(target, { withFileTypes: true }).toSorted(
    (one, other) => Number(one.isSymbolicLink()) - Number(other.isSymbolicLink()),
  )
  for (const entry of entries) {
    if (isHidden(entry.name)) continue
    if (++walk.entries > MAX_ENTRIES) throw tooMuch(walk, `more than ${MAX_ENTRIES} files and folders`)
    takeEntry(walk, join(path, entry.name), join(target, entry.name), depth)
  }
}

function takeEntry(walk: Walk, path: string, entry: string, depth: number): void {
  const resolved = resolveEntry(walk, entry)
  if ('message' in resolved) {
    if (resolved.isFolder || isManifestName(path)) walk.passedOver.push({ path, message: resolved.message })
    return
  }
  const { target, stat } = resolved
  if (stat.isDirectory()) walkFolder(walk, path, target, depth + 1)
  else if (!isManifestName(path)) return
  else if (!stat.isFile()) walk.passedOver.push({ path, message: NOT_REGULAR })
  else if (!walk.seen.has(target)) {
    walk.seen.add(target)
    walk.files.push({ path, target })
    if (walk.files.length > MAX_FILES) throw tooMuch(walk, `more than ${MAX_FILES} manifests`)
  }
}

const NOT_REGULAR = 'is not a regular file: replace it with one, or remove it'

interface Resolved {
  readonly target: string
  readonly stat: Stats
}

interface Unresolved {
  readonly message: string
  readonly isFolder: boolean
}

/** What an entry leads to, or why it leads to nothing that is read. */
function resolveEntry({ root }: Walk, entry: string): Resolved | Unresolved {
  try {
    const target = realpathSync(entry)
    const stat = lstatSync(target)
    if (target === root || target.startsWith(root === sep ? root : root + sep)) return { target, stat }
    const message = 'is a symbolic link that leads out of the folder: put a copy here'
    return { message, isFolder: stat.isDirectory() }
  } catch (error) {
    return { message: `cannot be read: ${(error as Error).message}`, isFolder: false }
  }
}

const tooMuch = ({ folder }: Walk, what: string): LocalError =>
  new LocalError('BL_LOCAL_FOLDER', `${folder} holds ${what}: give a folder that holds manifests only`)

/** Where a path lies in a folder, for people. */
export const pathIn = (folder: string, path: string): string => relative(folder, path) || path

export interface ReadOptions {
  /** Also read from a pipe that the caller names, such as `<(helm template …)`. Default: false. */
  readonly pipes?: boolean
}

/**
 * The text of a regular file of at most {@link MAX_FILE_BYTES}. Never opens a device, and never waits for a
 * pipe, unless `pipes` allows it. Throws an error that says why the file cannot be read.
 */
export function readText(path: string, { pipes = false }: ReadOptions = {}): string {
  // `/dev/fd/63`, a pipe of the shell, has no path without links.
  if (!isReadable(statSync(path), pipes)) throw notRegular()
  // What was a file a moment ago may be a pipe by now: an open that does not wait, and a second look.
  const file = openSync(path, constants.O_RDONLY | (pipes ? 0 : constants.O_NONBLOCK))
  try {
    const opened = fstatSync(file)
    if (!isReadable(opened, pipes)) throw notRegular()
    if (opened.size > MAX_FILE_BYTES) throw tooLarge(`${opened.size}`)
    return readAll(file)
  } finally {
    closeSync(file)
  }
}

const isReadable = (stat: Stats, pipes: boolean): boolean => stat.isFile() || (pipes && stat.isFIFO())

const notRegular = (): LocalError => new LocalError('BL_LOCAL_FILE', 'it is not a regular file')

const tooLarge = (bytes: string): LocalError =>
  new LocalError('BL_LOCAL_FILE', `it has ${bytes} bytes, and ${MAX_FILE_BYTES} are allowed: split it`)

const CHUNK_BYTES = 256 * 1024

function readAll(file: number): string {
  const chunks: Buffer[] = []
  let bytes = 0
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    const length = readSync(file, chunk)
    if (length === 0) return Buffer.concat(chunks).toString('utf8')
    bytes += length
    if (bytes > MAX_FILE_BYTES) throw tooLarge(`more than ${MAX_FILE_BYTES}`)
    chunks.push(chunk.subarray(0, length))
  }
}
