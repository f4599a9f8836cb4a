import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A certificate and its key in a folder. A file may be missing. */
export interface FilePair {
  /** `name` of name.crt and name.key, or the folder of tls.crt and tls.key. */
  readonly name: string
  readonly certFile: string
  readonly keyFile: string
  /** Changes whenever one of the files is replaced or written. */
  readonly version: string
}

/** What a folder of certificates contains. */
export interface Listing {
  readonly pairs: readonly FilePair[]
  /** The folder, and its entries that may be subfolders: what must be watched. */
  readonly folders: readonly string[]
}

const PART = /^(.+)\.(crt|key)$/

/**
 * Lists the certificates of a folder: `name.crt` with `name.key`, `tls.crt` with `tls.key` (a mounted Secret of type
 * kubernetes.io/tls), and subfolders that contain the latter. Hidden entries do not count, and neither do those that
 * begin with `..`, by which Kubernetes swaps a mounted Secret. Rejects if the folder cannot be read.
 */
export async function listPairs(folder: string): Promise<Listing> {
  const names = new Set<string>()
  const folders: string[] = []
  for (const entry of (await readdir(folder)).toSorted()) {
    if (entry.startsWith('.')) continue
    const [, name] = PART.exec(entry) ?? []
    if (name === undefined) folders.push(entry)
    else names.add(name)
  }
  const pairs: FilePair[] = []
  for (const name of names) {
    const pair = await pairOf(
      name === 'tls' ? '.' : name,
      join(folder, `${name}.crt`),
      join(folder, `${name}.key`),
    )
    if (pair !== undefined) pairs.push(pair)
  }
  for (const name of folders) {
    const pair = await pairOf(name, join(folder, name, 'tls.crt'), join(folder, name, 'tls.key'))
    if (pair !== undefined) pairs.push(pair)
  }
  return { pairs, folders: [folder, ...folders.map((name) => join(folder, name))] }
}

async function pairOf(name: string, certFile: string, keyFile: string): Promise<FilePair | undefined> {
  const [cert, key] = await Promise.all([versionOf(certFile), versionOf(keyFile)])
  return cert === '' && key === '' ? undefined : { name, certFile, keyFile, version: `${cert} ${key}` }
}

/** Empty if there is no such file. Links are followed. */
async function versionOf(file: string): Promise<string> {
  const found = await stat(file, { bigint: true }).catch(() => undefined)
  return found?.isFile() === true
    ? `${found.dev}/${found.ino}/${found.size}/${found.mtimeNs}/${found.ctimeNs}`
    : ''
}
