import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OLDEST_NODE } from '../../cli/bin/node-version.js'

/** The repository's folder. */
export const ROOT = join(import.meta.dirname, '../..')
/** The versions of Node that can run the packages. */
export const NODE = `>=${OLDEST_NODE}`

/** The fields of package.json that publishing reads. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly exports?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Reads the package.json of a folder of the repository. */
export async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(ROOT, folder, 'package.json'), 'utf8')) as Manifest
}
