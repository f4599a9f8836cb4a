import { statSync } from 'node:fs'
import { listManifests, readText } from '@branchline/runtime/local/manifests/files'
import { parseYaml } from '@branchline/runtime/local/manifests/yaml'
import { type Document, isMap, LineCounter } from 'yaml'

/** One YAML document of a file, and where in it it starts. */
export interface ManifestDocument {
  /** The file, relative to what was asked for; `stdin` for standard input. */
  readonly file: string
  readonly document: Document.Parsed
  /** The value of the document, with its aliases resolved. */
  readonly value: unknown
  readonly lines: LineCounter
}

/** Something wrong in a file, as one sentence. */
export interface FileProblem {
  readonly file: string
  readonly line: number | undefined
  readonly field: string | undefined
  readonly message: string
}

/** The manifests that a path leads to. */
export interface ManifestFiles {
  /** In order. */
  readonly files: readonly string[]
  /** What is not read, and why. */
  readonly problems: readonly FileProblem[]
}

/** The manifest files of a folder, recursively and in order, or the file itself. Hidden ones are passed over. */
export function manifestFiles(path: string): ManifestFiles {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw new Error(`${path} does not exist: name a manifest, or a folder of them`)
  if (!found.isDirectory()) return { files: [path], problems: [] }
  const { files, passedOver } = listManifests(path)
  return {
    files: files.map((file) => file.path),
    problems: passedOver.map((it) => ({
      file: it.path,
      line: undefined,
      field: undefined,
      message: it.message,
    })),
  }
}

/** The text of a manifest that {@link manifestFiles} found, or of a pipe that the caller names. */
export function readManifestText(file: string): string {
  try {
    return readText(file, { pipes: true })
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

/** The documents of a file, and what keeps some of them from being read. */
export function readManifests(file: string): { documents: ManifestDocument[]; problems: FileProblem[] } {
  return parseManifests(file, readManifestText(file))
}

/** The documents of a YAML or JSON text; empty ones are left out, broken ones are problems. */
export function parseManifests(
  file: string,
  text: string,
): { documents: ManifestDocument[]; problems: FileProblem[] } {
  const lines = new LineCounter()
  const documents: ManifestDocument[] = []
  const problems: FileProblem[] = []
  for (const parsed of parseYaml(text, lines)) {
    if (parsed.message === undefined) documents.push({ file, lines, ...parsed })
    else
      problems.push({ file, line: parsed.line, field: undefined, message: `broken YAML: ${parsed.message}` })
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
