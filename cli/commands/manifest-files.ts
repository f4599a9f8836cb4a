import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type Document, isMap, LineCounter, parseAllDocuments } from 'yaml'

/** One YAML document of a file, and where in it it starts. */
export interface ManifestDocument {
  /** The file, relative to what was asked for; `stdin` for standard input. */
  readonly file: string
  readonly document: Document.Parsed
  readonly lines: LineCounter
}

/** Something wrong in a file, as one sentence. */
export interface FileProblem {
  readonly file: string
  readonly line: number | undefined
  readonly field: string | undefined
  readonly message: string
}

const EXTENSION = /\.(ya?ml|json)$/
/** More than any folder of manifests, less than what fills the memory by mistake. */
const MAX_FILES = 10_000

/** The manifest files of a folder, recursively and in order, or the file itself. Hidden ones are passed over. */
export async function manifestFiles(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    throw new Error(`${path} does not exist: name a manifest, or a folder of them`)
  })
  if (!found.isDirectory()) return [path]
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile() && EXTENSION.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !relative(path, file).split('/').some(isPassedOver))
    .toSorted()
  if (files.length > MAX_FILES)
    throw new RangeError(`${path} holds ${files.length} manifests: ${MAX_FILES} at most`)
  return files
}

const isPassedOver = (name: string): boolean => name.startsWith('.') || name === 'node_modules'

/** The documents of a file, and what keeps some of them from being read. */
export async function readManifests(
  file: string,
): Promise<{ documents: ManifestDocument[]; problems: FileProblem[] }> {
  return parseManifests(file, await readFile(file, 'utf8'))
}

/** The documents of a YAML or JSON text; empty ones are left out, broken ones are problems. */
export function parseManifests(
  file: string,
  text: string,
): { documents: ManifestDocument[]; problems: FileProblem[] } {
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter: lines })
  const documents: ManifestDocument[] = []
  const problems: FileProblem[] = []
  for (const document of Array.isArray(parsed) ? parsed : []) {
    const [error] = document.errors
    if (error !== undefined) {
      const [summary] = error.message.split('\n')
      const line = error.linePos?.[0].line
      problems.push({ file, line, field: undefined, message: `broken YAML: ${summary}` })
    } else if (document.contents !== null) documents.push({ file, document, lines })
  }
  return { documents, problems }
}

/** The line of a field in a document, or of the nearest field around it that is there. */
export function lineOf({ document, lines }: ManifestDocument, path: readonly (string | number)[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    const range = (node as { range?: [number, number, number] } | undefined)?.range
    if (range !== undefined) return lines.linePos(range[0]).line
  }
  return 1
}

/** Whether a document is a Kubernetes object, as far as its outline tells. */
export function isObject({ document }: ManifestDocument): boolean {
  return isMap(document.contents) && document.has('apiVersion') && document.has('kind')
}

/** The object of a document, or why there is none: aliases that multiply beyond what a manifest needs. */
export function objectOf({ document }: ManifestDocument): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    return error
  }
}
