import { isAbsolute, relative, resolve } from 'node:path'
import { type Manifest, objectsIn } from '@branchline/cdk8s/inject/manifest'
import {
  type FileProblem,
  manifestFiles,
  parseManifests,
  readManifestText,
} from '../commands/manifest-files.ts'

/** The Kubernetes objects of a folder or a file, those of Lists included, and what could not be read. */
export interface FolderContent {
  readonly manifests: Manifest[]
  readonly problems: FileProblem[]
  readonly files: readonly string[]
}

/** Reads the manifests of a folder or a file, without one file. Throws an error if the path does not exist. */
export function readFolder(path: string, except?: string): FolderContent {
  const listed = manifestFiles(path)
  const files = listed.files.filter((file) => except === undefined || resolve(file) !== resolve(except))
  const { problems } = listed
  const content: FolderContent = { manifests: [], problems: [...problems], files }
  for (const file of files) {
    try {
      const read = parseManifests(file, readManifestText(file))
      content.problems.push(...read.problems)
      for (const { value } of read.documents) content.manifests.push(...objectsIn(value))
    } catch (error) {
      content.problems.push({ file, line: undefined, field: undefined, message: (error as Error).message })
    }
  }
  return content
}

/** The shorter of a path and its form relative to the current folder. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path)
  return short === '' ? '.' : short.startsWith('..') || isAbsolute(short) ? path : short
}
