import { LineCounter } from 'yaml'
import { lineAt } from './lines.ts'
import { type KubernetesObject, kubernetesObject } from './object.ts'
import { checkObject } from './check.ts'
import type { Overlay } from './overlay.ts'
import type { Problem } from '../types.ts'
import { parseYaml } from './yaml.ts'

/** An object of a manifest, with its file and line. */
export interface Manifest {
  readonly object: KubernetesObject
  readonly file: string
  readonly line: number
}

/** The objects of a file, and its problems. */
export interface FileContent {
  readonly manifests: readonly Manifest[]
  readonly problems: readonly Problem[]
  readonly overlays?: readonly Overlay[]
}

/** The maximum problems of one file to report. */
const MAX_PROBLEMS = 100

/**
 * Reads the objects of one YAML or JSON file, including those of several documents and of `kind: List`, with at most
 * {@link MAX_PROBLEMS} problems. An object with an error is ignored, and the others are kept.
 */
export function readManifests(file: string, text: string): FileContent {
  const lines = new LineCounter()
  const read: Read = { objects: [], problems: [] }
  for (const parsed of parseYaml(text, lines)) {
    if (parsed.message === undefined) {
      for (const { message, line } of parsed.duplicates) {
        read.problems.push({ severity: 'warning', line, message })
      }
      readDocument(parsed.value, (path) => lineAt(lines, parsed.document, path), read)
    } else read.problems.push(notValid(parsed))
  }
  const more = read.problems.length - MAX_PROBLEMS
  const problems: Problem[] = []
  for (const problem of read.problems.slice(0, MAX_PROBLEMS)) problems.push({ ...problem, file })
  if (more > 0) problems.push({ severity: 'error', file, message: `has ${more} more problems` })
  return { manifests: read.objects.map(({ object, line }) => ({ object, file, line })), problems }
}

const notValid = ({ message, line }: { message: string; line: number }): Problem => ({
  severity: 'error',
  line,
  message: `is not valid YAML: ${message}`,
})

interface Read {
  readonly objects: { object: KubernetesObject; line: number }[]
  readonly problems: Problem[]
}

type LineAt = (path: readonly (string | number)[]) => number

function readDocument(value: unknown, lineOfPath: LineAt, read: Read): void {
  // A document of comments only.
  if (value === null || value === undefined) return
  const list = isList(value) ? value.items : undefined
  const parts = list ?? [value]
  for (const [index, part] of parts.entries()) {
    const path = list === undefined ? [] : ['items', index]
    readObject(part, (field) => lineOfPath([...path, ...field]), read)
  }
}

const isList = (value: unknown): value is { items: unknown[] } =>
  typeof value === 'object' &&
  value !== null &&
  String((value as { kind?: unknown }).kind).endsWith('List') &&
  Array.isArray((value as { items?: unknown }).items)

function readObject(value: unknown, lineAt: LineAt, read: Read): void {
  const parsed = kubernetesObject(value)
  if (parsed.object === undefined) {
    read.problems.push({ severity: 'error', line: lineAt([]), message: parsed.message })
    return
  }
  const { object, faults } = checkObject(parsed.object)
  for (const { field, ...fault } of faults) {
    const line = lineAt(field === undefined ? [] : fieldPath(field))
    read.problems.push({ ...fault, ...(field !== undefined && { field }), line })
  }
  if (object !== undefined) read.objects.push({ object, line: lineAt([]) })
}

const fieldPath = (field: string): (string | number)[] =>
  [...field.matchAll(/[^.[\]]+/g)].map(([part]) => (/^\d+$/.test(part) ? Number(part) : part))
