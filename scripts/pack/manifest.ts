import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OLDEST_NODE } from '../../cli/bin/node-version.js'

/** The repository's folder. */
export const ROOT = join(import.meta.dirname, '../..')
/** The versions of Node that run what is published. */
export const NODE = `>=${OLDEST_NODE}`

/** A package.json, as far as publishing reads it. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly exports?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** Reads the package.json of a folder of the repository. */
export async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(ROOT, folder, 'package.json'), 'utf8')) as Manifest
}
