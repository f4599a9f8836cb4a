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
import { isUtf8 } from 'node:buffer'
import { basename, join, relative, sep } from 'node:path'
import { LocalError } from '../errors.ts'

/** The maximum size of a manifest, in bytes. The API server accepts 3 MB. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024
/** The maximum number of manifests in a folder. */
const MAX_FILES = 10_000
/** The maximum number of entries of any kind in a folder, without hidden ones. */
const MAX_ENTRIES = 100_000
/** The maximum depth of nested folders. */
export const MAX_FOLDER_DEPTH = 32

const MANIFEST = /\.(ya?ml|json)$/
/** The name of the file that says how workloads run on this machine. */
export const OVERLAY_FILE = 'branchline.local.yaml'
const OVERLAY = /^branchline\.local\.ya?ml$/

/** A path below the folder that is not read, and the reason. */
interface IgnoredPath {
  readonly path: string
  /** The rest of a sentence that begins with the path. */
  readonly message: string
}

/** A manifest of a folder: its path, and the file that is read for it (they differ for symbolic links). */
interface ManifestPath {
  readonly path: string
  readonly target: string
}

export interface FolderListing {
  /** In the order of their paths. Each file on disk appears once. */
  readonly files: readonly ManifestPath[]
  /** The files named {@link OVERLAY_FILE}, which are no manifests. */
  readonly overlays: readonly ManifestPath[]
  readonly ignored: readonly IgnoredPath[]
}

/** Whether a name is silently ignored: hidden files and `node_modules`. */
export const isHidden = (name: string): boolean => name.startsWith('.') || name === 'node_modules'

/** Whether a name is that of a manifest. */
const isManifestName = (name: string): boolean => MANIFEST.test(name)

/**
 * Finds the manifests (`.yaml`, `.yml`, `.json`) of a folder, recursively. Symbolic links are followed if they lead to a
 * regular file or a folder inside the folder. A folder that several links reach is read once, so loops end. Everything
 * else with the name of a manifest is ignored and reported. Throws a {@link LocalError} if the folder cannot be read, or
 * exceeds {@link MAX_FILES}, {@link MAX_ENTRIES} or {@link MAX_FOLDER_DEPTH}.
 */
export function listManifests(folder: string): FolderListing {
  const root = realpathSync(folder)
  const walk: Walk = { folder, root, seen: new Set(), entries: 0, files: [], overlays: [], ignored: [] }
  walkFolder(walk, folder, root, 0)
  const byPath = (one: { path: string }, other: { path: string }): number => (one.path < other.path ? -1 : 1)
  return {
    files: walk.files.toSorted(byPath),
    overlays: walk.overlays.toSorted(byPath),
    ignored: walk.ignored.toSorted(byPath),
  }
}

interface Walk {
  readonly folder: string
  /** The folder without symbolic links. */
  readonly root: string
  /** The folders and files already seen, without symbolic links. */
  readonly seen: Set<string>
  entries: number
  readonly files: ManifestPath[]
  readonly overlays: ManifestPath[]
  readonly ignored: IgnoredPath[]
}

function walkFolder(walk: Walk, path: string, target: string, depth: number): void {
  if (walk.seen.has(target)) return
  walk.seen.add(target)
  if (depth > MAX_FOLDER_DEPTH) throw tooMuch(walk, `folders nested more than ${MAX_FOLDER_DEPTH} deep`)
  // Links last, so that a file keeps its own path even if a link leads to it.
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
    if (resolved.isFolder || isManifestName(path)) walk.ignored.push({ path, message: resolved.message })
    return
  }
  const { target, stat } = resolved
  if (stat.isDirectory()) walkFolder(walk, path, target, depth + 1)
  else if (!isManifestName(path)) return
  else if (!stat.isFile()) walk.ignored.push({ path, message: NOT_REGULAR })
  else if (!walk.seen.has(target)) {
    walk.seen.add(target)
    const list = OVERLAY.test(basename(path)) ? walk.overlays : walk.files
    list.push({ path, target })
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

/** The target of an entry, or why it is not read. */
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
  new LocalError('BL_LOCAL_FOLDER', `${folder} contains ${what}: use a folder that only contains manifests`)

/** The path relative to a folder, for messages. */
export const pathIn = (folder: string, path: string): string => relative(folder, path) || path

export interface ReadOptions {
  /** Also read from a pipe that the caller names, such as `<(helm template …)`. Default: false. */
  readonly pipes?: boolean
}

/**
 * Reads a regular file of at most {@link MAX_FILE_BYTES}. Never opens a device, and never waits for a pipe unless
 * `pipes` allows it. Throws an error with the reason if the file cannot be read.
 */
export function readText(path: string, { pipes = false }: ReadOptions = {}): string {
  // `/dev/fd/63`, a pipe of the shell, has no path without links.
  if (!isReadable(statSync(path), pipes)) throw notRegular()
  // A file may have become a pipe meanwhile, so open without waiting and check again.
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
  new LocalError('BL_LOCAL_FILE', `it has ${bytes} bytes, and the limit is ${MAX_FILE_BYTES}: split it`)

function decoded(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new LocalError('BL_LOCAL_FILE', 'it is not UTF-8: convert it')
  return bytes.toString('utf8')
}

const CHUNK_BYTES = 256 * 1024

function readAll(file: number): string {
  const chunks: Buffer[] = []
  let bytes = 0
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    const length = readSync(file, chunk)
    if (length === 0) return decoded(Buffer.concat(chunks))
    bytes += length
    if (bytes > MAX_FILE_BYTES) throw tooLarge(`more than ${MAX_FILE_BYTES}`)
    chunks.push(chunk.subarray(0, length))
  }
}
