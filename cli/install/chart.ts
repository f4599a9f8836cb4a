import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { PlatformValues } from '@branchline/cdk8s/platform/values'
import { type Document, parseDocument } from 'yaml'
import type { Files } from './files.ts'
import { type Data, isMap } from './overlay.ts'

/** The chart's default that differs from the construct's: with Helm, `--create-namespace` creates the namespace. */
export const CHART_DEFAULTS = { createNamespace: false }

/**
 * The files of the Helm chart as they are in the repository. Only `values.yaml` differs: it states the given
 * values as the chart's defaults.
 */
export async function chartFiles(values: PlatformValues): Promise<Files> {
  const folder = chartFolder()
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
  const files: Record<string, string> = {}
  for (const path of paths.toSorted()) {
    files[relative(folder, path).split(sep).join('/')] = await readFile(path, 'utf8')
  }
  return { ...files, 'values.yaml': withValues(files['values.yaml'] as string, values) }
}

/** The chart's folder: next to the bundled command line, otherwise in the sources of `@branchline/cdk8s`. */
function chartFolder(): string {
  const bundled = join(import.meta.dirname, 'chart')
  if (existsSync(bundled)) return bundled
  const cdk8s = createRequire(import.meta.url).resolve('@branchline/cdk8s/package.json')
  return join(dirname(cdk8s), 'chart')
}

/** A values file that states other values, and keeps its comments. Without a difference, the same text. */
export function withValues(text: string, values: Data): string {
  const document = parseDocument(text)
  const isChanged = change(document, [], document.toJS() as Data, values)
  return isChanged ? document.toString({ lineWidth: 0 }) : text
}

/** Makes the map at a path of a document equal to another one. Returns whether that changed anything. */
function change(document: Document, path: readonly string[], from: Data, to: Data): boolean {
  let isChanged = false
  for (const name of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const at = [...path, name]
    const [before, after] = [from[name], to[name]]
    if (isDeepStrictEqual(before, after)) continue
    // An empty map is written in one line; new entries start a block.
    if (isMap(before) && isMap(after) && Object.keys(before).length > 0) {
      isChanged = change(document, at, before, after) || isChanged
      continue
    }
    if (after === undefined) document.deleteIn(at)
    else document.setIn(at, isMap(after) || Array.isArray(after) ? document.createNode(after) : after)
    isChanged = true
  }
  return isChanged
}
