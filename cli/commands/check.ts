import { basename, relative } from 'node:path'
import { effectOf, injectEnvironments, type Finding, type Manifest } from '@branchline/cdk8s/inject'
import { nameFaults } from '@branchline/runtime/local/manifests/check'
import type { KubernetesObject } from '@branchline/runtime/local/manifests/object'
import { printableLine } from '@branchline/runtime/local/printable'
import { GROUP } from '@branchline/wire/names'
import type { Environment } from '@branchline/wire/resources/environment'
import { parseEnvironment, parsePreview, type Parsed } from '@branchline/wire/resources/parse'
import type { Preview } from '@branchline/wire/resources/preview'
import { validateResources } from '@branchline/wire/resources/validate'
import { missingReferences } from '../check/references.ts'
import { isKustomization, kustomizeFirst, renderFirst, renderTemplateFirst } from '../check/render-first.ts'
import { previewProblems, unreachableOverrides } from '../check/services.ts'
import {
  type FileProblem,
  isObject,
  lineOf,
  type ManifestDocument,
  manifestFiles,
  type ParsedManifests,
  parseManifests,
  readManifestText,
} from './manifest-files.ts'

/** The result of a check. Problems fail it. Findings are only reported. */
export interface Checked {
  readonly problems: readonly FileProblem[]
  /** Objects that run but are not routed, and the reasons. */
  readonly findings: readonly FileProblem[]
  readonly files: number
  /** Kubernetes objects. */
  readonly objects: number
  readonly environments: number
  readonly previews: number
}

interface Resources {
  readonly environments: Environment[]
  readonly previews: Preview[]
  /** The document of each object, by kind, namespace and name. */
  readonly sources: Map<string, ManifestDocument>
  /** The document of each object, by API version, kind, namespace and name, to find duplicates. */
  readonly seen: Map<string, ManifestDocument>
  readonly manifests: Manifest[]
  readonly problems: FileProblem[]
}

/** How a user checks what a renderer prints. */
const CHECK_STDIN = 'branchline check -'

/**
 * Checks the manifests of a folder or a file: the YAML, the fields of Environments and Previews, and the relations
 * between them. Writes nothing. Rejects if the path cannot be read.
 */
export async function check(path: string): Promise<Checked> {
  const { files, problems: ignored } = manifestFiles(path)
  const found = noResources()
  found.problems.push(...ignored)
  const unrendered = renderFirst(path, CHECK_STDIN)
  if (unrendered !== undefined) {
    found.problems.push({ file: path, line: undefined, field: undefined, message: unrendered })
    return result(path, found, files.length)
  }
  for (const file of files) {
    const { documents, problems } = readable(file)
    found.problems.push(...problems)
    for (const document of documents) take(document, found)
  }
  return result(path, found, files.length)
}

/** Checks a text of manifests, such as what a renderer prints. */
export function checkText(file: string, text: string): Checked {
  const found = noResources()
  const { documents, problems } = parseManifests(file, text)
  found.problems.push(...problems)
  for (const document of documents) take(document, found)
  return result(file, found, 1)
}

const noResources = (): Resources => ({
  environments: [],
  previews: [],
  sources: new Map(),
  seen: new Map(),
  manifests: [],
  problems: [],
})

/** Checks the relations between all objects, and gathers what was found. */
function result(path: string, found: Resources, files: number): Checked {
  const { environments, previews, manifests } = found
  const view = { environments, manifests }
  const related = [
    ...previewProblems(previews, view),
    ...missingReferences(manifests),
    ...unreachableOverrides(previews, view),
  ]
  const notes = related.filter(({ severity }) => severity === 'note')
  const errors = [
    ...validateResources(environments, previews),
    ...related.filter(({ severity }) => severity === 'error'),
  ]
  for (const one of errors) found.problems.push(placed(found, one))
  const { findings } = injectEnvironments(manifests)
  const faults = findings.filter((finding) => effectOf(finding) === 'fault')
  for (const fault of faults) found.problems.push(placed(found, fault))
  if (manifests.length === 0 && found.problems.length === 0) {
    const message =
      'there is no Kubernetes object here: name a file or a folder with manifests (.yaml, .yml, .json)'
    found.problems.push({ file: path, line: undefined, field: undefined, message })
  }
  return {
    problems: found.problems.map((problem) => shortened(path, problem)),
    findings: [...findings.filter((finding) => !faults.includes(finding)), ...notes].map((finding) =>
      shortened(path, placed(found, finding)),
    ),
    files,
    objects: manifests.length,
    environments: environments.length,
    previews: previews.length,
  }
}

/** Reads the documents of a file. A file that cannot be read is a problem. */
function readable(file: string): ParsedManifests {
  const unread = (message: string): ParsedManifests => ({
    documents: [],
    remains: [],
    problems: [{ file, line: undefined, field: undefined, message }],
  })
  try {
    if (isKustomization(file)) return unread(kustomizeFirst(file, CHECK_STDIN))
    const text = readManifestText(file)
    const unrendered = renderTemplateFirst(file, text, CHECK_STDIN)
    return unrendered === undefined ? parseManifests(file, text) : unread(unrendered)
  } catch (error) {
    return unread((error as Error).message)
  }
}

/** Formats a problem as one line: `file:line: kind namespace/name: sentence`. */
export const problemLine = ({ file, line, message }: FileProblem): string =>
  printableLine(`${file}${line === undefined ? '' : `:${line}`}: ${message}`)

/** Formats the result of a check. The exit code is 0 without a problem, otherwise 1. */
export function checkReport(checked: Checked, output?: 'json'): { text: string; exitCode: number } {
  const { problems, findings, files, environments, previews } = checked
  const exitCode = problems.length === 0 ? 0 : 1
  if (output === 'json') return { text: `${JSON.stringify(checked, undefined, 2)}\n`, exitCode }
  const lines = [
    ...problems.map((problem) => `error: ${problemLine(problem)}`),
    ...findings.map((finding) => `note: ${problemLine(finding)}`),
    `${count(files, 'file')}, ${count(environments, 'environment')}, ${count(previews, 'preview')}: ` +
      (problems.length === 0 ? 'no problem found' : `${problems.length} with a problem`),
  ]
  return { text: `${lines.join('\n')}\n`, exitCode }
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`

function take(document: ManifestDocument, found: Resources): void {
  // The document contains only comments.
  if (document.value === null || document.value === undefined) return
  if (!isObject(document)) {
    found.problems.push({
      file: document.file,
      line: lineOf(document, []),
      field: undefined,
      message: 'not a Kubernetes object: apiVersion or kind is missing, so add them or remove the document',
    })
    return
  }
  const items = document.value as Manifest & { items?: unknown }
  // A List, as `kubectl get -o yaml` writes it.
  const objects = items.kind === 'List' && Array.isArray(items.items) ? (items.items as Manifest[]) : [items]
  for (const [index, item] of objects.entries()) {
    if (typeof item === 'object' && item !== null) takeObject(item, document, found)
    else {
      const message = `items[${index}] is not a Kubernetes object: complete it or remove it`
      found.problems.push({
        file: document.file,
        line: lineOf(document, ['items', index]),
        field: 'items',
        message,
      })
    }
  }
}

function takeObject(object: Manifest, document: ManifestDocument, found: Resources): void {
  const { kind, metadata, apiVersion } = object
  const key = sourceKey(kind, metadata?.namespace, metadata?.name ?? '')
  const twice = `${apiVersion}/${key}`
  const first = found.seen.get(twice)
  if (first !== undefined) {
    found.problems.push({
      file: document.file,
      line: lineOf(document, ['metadata']),
      field: 'metadata.name',
      message: `${kind} ${metadata?.name} is already in ${basename(first.file)}:${lineOf(first, ['metadata'])}: remove one of them`,
    })
    return
  }
  found.seen.set(twice, document)
  found.sources.set(key, document)
  if (typeof metadata === 'object' && metadata !== null) found.manifests.push(object)
  if (typeof apiVersion !== 'string' || !apiVersion.startsWith(`${GROUP}/`)) {
    takeNames(object, document, found)
    return
  }
  if (kind === 'Environment') keep(parseEnvironment(object), found.environments, object, document, found)
  else if (kind === 'Preview') keep(parsePreview(object), found.previews, object, document, found)
  else {
    found.problems.push({
      file: document.file,
      line: lineOf(document, ['kind']),
      field: 'kind',
      message: `kind is "${kind}", which does not exist in ${GROUP}: wanted Environment or Preview`,
    })
  }
}

/** Reports names and paths that no API server accepts. Environments and Previews have their own rules. */
function takeNames(object: Manifest, document: ManifestDocument, found: Resources): void {
  const { kind, metadata } = object
  if (typeof metadata?.name !== 'string') return
  for (const { field, message } of nameFaults(object as KubernetesObject)) {
    found.problems.push({
      file: document.file,
      line: lineOf(document, pathOf(field)),
      field,
      message: `${kind} ${metadata.name}: ${message}`,
    })
  }
}

function keep<T>(
  parsed: Parsed<T>,
  list: T[],
  object: Manifest,
  document: ManifestDocument,
  found: Resources,
): void {
  if (parsed.value !== undefined) list.push(parsed.value)
  for (const { field, message } of parsed.problems ?? []) {
    const name = [object.metadata?.namespace, object.metadata?.name].filter(Boolean).join('/')
    found.problems.push({
      file: document.file,
      line: lineOf(document, pathOf(field)),
      field,
      message: `${object.kind} ${name}: ${message}`,
    })
  }
}

/** Adds the file and the line of the field to a problem of an object. */
function placed(
  found: Resources,
  problem: Pick<Finding, 'kind' | 'namespace' | 'name' | 'field' | 'message'>,
): FileProblem {
  const { kind, namespace, name, field, message } = problem
  const document = found.sources.get(sourceKey(kind, namespace, name))
  return {
    file: document?.file ?? '',
    line: document && lineOf(document, pathOf(field)),
    field,
    message: `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}: ${message}`,
  }
}

const sourceKey = (kind: string, namespace: string | undefined, name: string): string =>
  `${kind}/${namespace ?? ''}/${name}`

const pathOf = (field: string): (string | number)[] =>
  [...field.matchAll(/[^.[\]]+/g)].map(([part]) => (/^\d+$/.test(part) ? Number(part) : part))

const shortened = (path: string, problem: FileProblem): FileProblem => ({
  ...problem,
  file: relative(path, problem.file) || problem.file,
})
