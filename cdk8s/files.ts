import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { SynthError } from './core/errors.ts'
import { type Manifest, objectsIn } from './inject/manifest.ts'

/**
 * Reading of files for constructs. The other modules of this package do no I/O, so that a synth depends only on the
 * program. This one is imported by its own name: `@branchline/cdk8s/files`.
 */

/** The maximum number of files that are read from a folder. */
const MAX_FILES = 10_000
const MANIFEST = /\.(?:ya?ml|json)$/

/**
 * Reads the manifests of a folder, with its folders, or of one file: YAML 1.1, as Kubernetes reads it, or JSON. Skips
 * hidden files, `node_modules`, and documents that are not Kubernetes objects, such as a values file. Throws a SynthError
 * that names the file if one cannot be read.
 */
export function manifestsFrom(path: string): Manifest[] {
  return filesOf(path).flatMap(manifestsOf)
}

function filesOf(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined)
    throw new SynthError('BL_SYNTH_FILES', [`${path} does not exist: correct the path`])
  if (!found.isDirectory()) return [path]
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter(
    (name) => MANIFEST.test(name) && !/(?:^|[/\\])(?:\.|node_modules(?:[/\\]|$))/.test(name),
  )
  if (names.length > MAX_FILES) {
    throw new SynthError('BL_SYNTH_FILES', [
      `${path} contains more than ${MAX_FILES} manifests: use a folder that only contains those of the base`,
    ])
  }
  return names
    .toSorted()
    .map((name) => join(path, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true)
}

function manifestsOf(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(file, 'utf8'), { version: '1.1' }).flatMap((document) => {
    const [error] = document.errors
    if (error !== undefined) {
      const [message] = error.message.split('\n', 1)
      throw new SynthError('BL_SYNTH_FILES', [`${file} is not valid YAML: ${message}`])
    }
    return objectsIn(document.toJS())
  })
}
