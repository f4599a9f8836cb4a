import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'

/** A file of a volume. */
export interface VolumeFile {
  /** Relative to the volume. */
  readonly path: string
  readonly content: Buffer
  /** The permissions, such as 0o644. */
  readonly mode: number
}

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** The link to the folder with the current files. Its name is that of a kubelet, and some programs watch it. */
export const DATA_LINK = '..data'
const NEW_LINK = '..data_tmp'

/**
 * Writes the files of a volume like a kubelet: into a new folder, to which `..data` then leads at once, so that a reader
 * sees either all old or all new files. Each file has a link that leads through `..data`. Does nothing if no file
 * changed. Returns whether one did.
 */
export function writeAtomically(folder: string, files: readonly VolumeFile[], owner?: Owner): boolean {
  const wanted = new Map(files.map((file) => [normalize(`/${file.path}`).slice(1), file]))
  if (isCurrent(folder, wanted)) return false
  const fresh = mkdtempSync(join(folder, `..${new Date().toISOString().replace(/\W/g, '_')}.`))
  take(fresh, 0o755, owner)
  for (const [path, { content, mode }] of wanted) {
    makeParents(fresh, path, owner)
    writeFileSync(join(fresh, path), content, { mode: 0o600 })
    take(join(fresh, path), mode, owner)
  }
  rmSync(join(folder, NEW_LINK), { force: true })
  symlinkSync(fresh.slice(folder.length + 1), join(folder, NEW_LINK))
  renameSync(join(folder, NEW_LINK), join(folder, DATA_LINK))
  linkNames(folder, new Set([...wanted.keys()].map((path) => path.split(sep, 1)[0] as string)))
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (name.startsWith('..') && name !== DATA_LINK && path !== fresh)
      rmSync(path, { recursive: true, force: true })
  }
  return true
}

/** Sets permissions and owner. The umask of the process has no effect. */
function take(path: string, mode: number, owner: Owner | undefined): void {
  chmodSync(path, mode)
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid)
}

function makeParents(folder: string, path: string, owner: Owner | undefined): void {
  const parents = dirname(path)
  if (parents === '.') return
  mkdirSync(join(folder, parents), { recursive: true })
  const parts = parents.split(sep)
  for (const [index] of parts.entries()) take(join(folder, ...parts.slice(0, index + 1)), 0o755, owner)
}

/** Creates the visible names, and removes those that have no file any more. */
function linkNames(folder: string, names: ReadonlySet<string>): void {
  const present = readdirSync(folder).filter((name) => !name.startsWith('..'))
  for (const name of present) if (!names.has(name)) rmSync(join(folder, name), { recursive: true })
  for (const name of names)
    if (!present.includes(name)) symlinkSync(join(DATA_LINK, name), join(folder, name))
}

function isCurrent(folder: string, wanted: ReadonlyMap<string, VolumeFile>): boolean {
  try {
    return hasFiles(join(folder, DATA_LINK), wanted)
  } catch {
    // There is no folder yet, or its own modes forbid reading.
    return false
  }
}

function hasFiles(data: string, wanted: ReadonlyMap<string, VolumeFile>): boolean {
  const present = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  if (present.length !== wanted.size) return false
  return [...wanted].every(([path, { content, mode }]) => {
    const file = join(data, path)
    const stat = statSync(file, { throwIfNoEntry: false })
    return stat?.isFile() === true && (stat.mode & 0o777) === mode && readFileSync(file).equals(content)
  })
}
