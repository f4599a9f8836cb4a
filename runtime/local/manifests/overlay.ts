import { dirname } from 'node:path'
import { fieldProblems } from '@branchline/wire/resources/parse'
import { type Document, isScalar, LineCounter } from 'yaml'
import { z } from 'zod'
import type { Problem } from '../types.ts'
import { lineAt } from './lines.ts'
import { dnsLabel, dnsSubdomain } from './names.ts'
import { parseYaml } from './yaml.ts'

/** How a container runs on this machine. */
export interface LocalContainer {
  /** A line for the shell, or a list of words. */
  readonly command?: string | readonly string[]
  /** The folder in which the command runs, relative to the folder of the file. */
  readonly dir?: string
  /** Files, folders or globs, relative to `dir`. A change there restarts the command. */
  readonly watch?: readonly string[]
  /** Variables in addition to those of the manifest, or in place of them. */
  readonly env?: Readonly<Record<string, string>>
}

/** How the pods of a workload run on this machine. The own fields concern the first container. */
export interface OverlayEntry extends LocalContainer {
  readonly name: string
  /** Absent if the entry concerns the workloads of this name in every namespace. */
  readonly namespace?: string
  readonly line: number
  /** Other containers, and init containers, by name. */
  readonly containers: Readonly<Record<string, LocalContainer>>
}

/** The content of one `branchline.local.yaml`. It concerns the manifests of its folder and of those below. */
export interface Overlay {
  /** The path of the file, relative to the folder of all manifests. */
  readonly file: string
  /** The folder of the file, relative to the folder of all manifests: `.` for itself. */
  readonly folder: string
  readonly entries: readonly OverlayEntry[]
}

const texts = { error: 'a path or a list of paths' }
const variableName = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/
const container = z.strictObject({
  command: z
    .union([z.string().min(1), z.array(z.string()).min(1)], {
      error: 'a line for the shell, or a list of texts',
    })
    .optional(),
  dir: z.string().min(1).optional(),
  watch: z.union([z.string().min(1), z.array(z.string().min(1))], texts).optional(),
  env: z
    .record(z.string().regex(variableName, 'letters, digits, "_", "-" and ".", no digit first'), z.string())
    .optional(),
})
type WrittenContainer = z.infer<typeof container>
type WrittenEntry = WrittenContainer & { containers?: Record<string, WrittenContainer> }

/**
 * Reads a `branchline.local.yaml`: a map from workloads (`api`, or `shop/api`) to their settings. A file with an error
 * has no entry.
 */
export function readOverlay(file: string, text: string): { overlay: Overlay; problems: Problem[] } {
  const lines = new LineCounter()
  const problems: Problem[] = []
  const overlay = { file, folder: dirname(file), entries: [] as OverlayEntry[] }
  const problem = (message: string, line: number, field?: string): void =>
    void problems.push({ severity: 'error', file, line, message, ...(field !== undefined && { field }) })
  const [first, second] = parseYaml(text, lines)
  if (first?.message !== undefined) problem(`is not valid YAML: ${first.message}`, first.line)
  else if (second !== undefined) problem('has several documents: put all workloads into one', 1)
  else if (first !== undefined && first.value !== null && first.value !== undefined) {
    const { document } = first
    const value = withWrittenVariables(document, first.value)
    for (const { path, message } of faultsOf(value).slice(0, MAX_PROBLEMS)) {
      problem(message, lineAt(lines, document, path), path.join('.'))
    }
    if (problems.length === 0) {
      for (const [key, entry] of Object.entries(value as Record<string, WrittenEntry>))
        overlay.entries.push(entryOf(key, entry, lineAt(lines, document, [key])))
    }
  }
  return { overlay, problems }
}

/** The maximum problems of one file to report. */
const MAX_PROBLEMS = 100

interface Fault {
  readonly path: readonly (string | number)[]
  readonly message: string
}

function faultsOf(value: unknown): Fault[] {
  if (!isMap(value)) {
    return [
      {
        path: [],
        message: 'is not a map: wanted a line for each workload, such as api: { command: npm start }',
      },
    ]
  }
  return Object.entries(value).flatMap(([key, entry]): Fault[] => {
    const wanted = keyFault(key)
    if (wanted !== undefined)
      return [{ path: [key], message: `${JSON.stringify(key)} is not a workload: wanted ${wanted}` }]
    const schema = z.strictObject({ [key]: entrySchema(entry) })
    const { error } = schema.safeParse({ [key]: entry })
    if (error === undefined) return []
    return fieldProblems(schema, error, { [key]: entry }).map(({ field, message }) => ({
      path: pathOf(key, field),
      message,
    }))
  })
}

function keyFault(key: string): string | undefined {
  const parts = key.split('/')
  if (parts.length > 2) return 'NAME, or NAMESPACE/NAME'
  const [name = '', namespace] = parts.toReversed()
  return dnsSubdomain(name) ?? (namespace === undefined ? undefined : dnsLabel(namespace))
}

/** The schema of an entry. It names the containers that the entry names, so that messages can list their fields. */
function entrySchema(entry: unknown): z.ZodType {
  const containers: unknown = isMap(entry) ? entry['containers'] : undefined
  if (!isMap(containers)) return container.extend({ containers: z.record(z.string(), container).optional() })
  const byName = Object.fromEntries(Object.keys(containers).map((name) => [name, container]))
  return container.extend({ containers: z.strictObject(byName) })
}

/** The path of a field that begins with a key, which may contain dots. */
const pathOf = (key: string, field: string): (string | number)[] => [
  key,
  ...[...field.slice(key.length).matchAll(/[^.[\]]+/g)].map(([part]) =>
    /^\d+$/.test(part) ? Number(part) : part,
  ),
]

function entryOf(key: string, entry: WrittenEntry, line: number): OverlayEntry {
  const [name = '', namespace] = key.split('/').toReversed()
  const { containers = {}, ...own } = entry
  return {
    name,
    ...(namespace !== undefined && { namespace }),
    line,
    ...containerOf(own),
    containers: Object.fromEntries(
      Object.entries(containers).map(([container, written]) => [container, containerOf(written)]),
    ),
  }
}

const containerOf = ({ command, dir, watch, env }: WrittenContainer): LocalContainer => ({
  ...(command !== undefined && { command }),
  ...(dir !== undefined && { dir }),
  ...(watch !== undefined && { watch: typeof watch === 'string' ? [watch] : watch }),
  ...(env !== undefined && { env }),
})

/** Replaces numbers and booleans of variables by their text in the file: `1.10` stays `1.10`. */
function withWrittenVariables(document: Document.Parsed, value: unknown): unknown {
  if (!isMap(value)) return value
  const container = (path: string[], one: unknown): unknown => {
    if (!isMap(one) || !isMap(one['env'])) return one
    const env = Object.entries(one['env']).map(([name, text]) => [
      name,
      written(document, [...path, 'env', name], text),
    ])
    return { ...one, env: Object.fromEntries(env) as unknown }
  }
  return mapped(value, (key, entry) => {
    const own = container([key], entry)
    if (!isMap(own) || !isMap(own['containers'])) return own
    return {
      ...own,
      containers: mapped(own['containers'], (name, one) => container([key, 'containers', name], one)),
    }
  })
}

function written(document: Document.Parsed, path: readonly string[], value: unknown): unknown {
  const node: unknown = document.getIn(path, true)
  if (value === null) return ''
  if (typeof value === 'object' || !isScalar(node)) return value
  return node.source ?? value
}

const mapped = (map: Record<string, unknown>, change: (name: string, value: unknown) => unknown): object =>
  Object.fromEntries(Object.entries(map).map(([name, value]) => [name, change(name, value)]))

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
