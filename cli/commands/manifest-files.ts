import { statSync } from 'node:fs'
import { listManifests, readText } from '@branchline/runtime/local/manifests/files'
import { parseYaml, type ReadDocument } from '@branchline/runtime/local/manifests/yaml'
import { isMap, LineCounter } from 'yaml'

/** One YAML document of a file. */
export interface ManifestDocument extends ReadDocument {
  /** The path of the file, or `stdin` for standard input. */
  readonly file: string
  readonly lines: LineCounter
}

/** The documents of a file. */
export interface ParsedManifests {
  readonly documents: readonly ManifestDocument[]
  /** What could be read of documents that are not valid. */
  readonly remains: readonly unknown[]
  /** Documents that are not valid, and keys that a map has twice. */
  readonly problems: readonly FileProblem[]
}

/** A problem in a file, as one sentence. */
export interface FileProblem {
  readonly file: string
  readonly line: number | undefined
  readonly field: string | undefined
  readonly message: string
}

/** The manifests of a path. */
export interface ManifestFiles {
  /** In order. */
  readonly files: readonly string[]
  /** The files that are not read, and the reasons. */
  readonly problems: readonly FileProblem[]
}

/** Lists the manifest files of a folder, recursively and in order, or the file itself. Skips hidden files. */
export function manifestFiles(path: string): ManifestFiles {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw new Error(`${path} does not exist: name a manifest or a folder of manifests`)
  if (!found.isDirectory()) return { files: [path], problems: [] }
  const { files, ignored } = listManifests(path)
  return {
    files: files.map((file) => file.path),
    problems: ignored.map((it) => ({
      file: it.path,
      line: undefined,
      field: undefined,
      message: it.message,
    })),
  }
}

/** Reads a manifest that {@link manifestFiles} found, or a pipe that the caller names. */
export function readManifestText(file: string): string {
  try {
    return readText(file, { pipes: true })
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

/** Parses the documents of a YAML or JSON text as Kubernetes does. Omits empty documents. Faults are problems. */
export function parseManifests(file: string, text: string): ParsedManifests {
  const lines = new LineCounter()
  const documents: ManifestDocument[] = []
  const remains: unknown[] = []
  const problems: FileProblem[] = []
  const report = (line: number, message: string): void => {
    problems.push({ file, line, field: undefined, message })
  }
  for (const parsed of parseYaml(text, lines)) {
    if (parsed.message === undefined) {
      documents.push({ file, lines, ...parsed })
      for (const { line, message } of parsed.duplicates) report(line, message)
    } else {
      remains.push(parsed.value)
      report(parsed.line, `invalid YAML: ${parsed.message}${templateHint(text)}`)
    }
  }
  return { documents, remains, problems }
}

/** The hint for a text with the actions of a Helm template, which is no YAML. */
const templateHint = (text: string): string =>
  text.includes('{{') ? '; it looks like a template of Helm, so render it first: helm template …' : ''

/** Returns the line of a field in a document, or of the nearest enclosing field that exists. */
export function lineOf({ document, lines }: ManifestDocument, path: readonly (string | number)[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    const range = (node as { range?: [number, number, number] } | undefined)?.range
    if (range !== undefined) return lines.linePos(range[0]).line
  }
  return 1
}

/** Reports whether a document has the outline of a Kubernetes object: a map with apiVersion and kind. */
export function isObject({ document }: ManifestDocument): boolean {
  return isMap(document.contents) && document.has('apiVersion') && document.has('kind')
}
