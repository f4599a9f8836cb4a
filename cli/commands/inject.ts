import { isDeepStrictEqual } from 'node:util'
import {
  effectOf,
  type Finding,
  hasSidecar,
  isInjected,
  injectEnvironments,
  injectSidecars,
  type Manifest,
  type SidecarOptions,
  uninject,
} from '@branchline/cdk8s/inject'
import { problemLine } from './check.ts'
import {
  type FileProblem,
  isObject,
  lineOf,
  type ManifestDocument,
  parseManifests,
} from './manifest-files.ts'
import { editDocument } from './yaml-edit.ts'
import { styleOf } from './yaml-style.ts'

/** A file's name and its text. */
export interface Input {
  readonly file: string
  readonly text: string
}

export interface InjectCommandOptions {
  /**
   * The environment of all manifests. Default: the Environments among the manifests, by namespace. Without an
   * Environment nothing is injected.
   */
  readonly environment?: string
  /** With `environment`: the namespaces of the environments above, nearest first. */
  readonly above?: readonly string[]
  readonly sidecar?: SidecarOptions
}

/** The result of an injection. The outputs are in the order of the inputs. */
export interface InjectOutcome {
  readonly outputs: readonly Input[]
  /** The changed objects, one line each. */
  readonly changes: readonly FileProblem[]
  /** What the injection does not solve, such as objects that are not routed. */
  readonly findings: readonly FileProblem[]
  /** Documents that could not be read, which pass unchanged, and invalid settings. */
  readonly problems: readonly FileProblem[]
}

/** Adds the sidecar to manifests in YAML or JSON. Other documents pass byte for byte. Pure. */
export function injectTexts(inputs: readonly Input[], options: InjectCommandOptions = {}): InjectOutcome {
  const { environment, above, sidecar } = options
  // Given options of the sidecar also apply to sidecars that already exist.
  const common = { keepSidecars: true, overrideSidecars: true, ...(sidecar === undefined ? {} : { sidecar }) }
  return transform(inputs, (manifests) => {
    if (environment === undefined) return injectEnvironments(manifests, common)
    return injectSidecars(manifests, { ...common, environment, ...(above === undefined ? {} : { above }) })
  })
}

/** Removes the sidecar from manifests. Pure. */
export function uninjectTexts(inputs: readonly Input[]): InjectOutcome {
  return transform(inputs, (manifests) => ({ manifests: uninject(manifests), findings: [] }))
}

/** Returns an error message if neither the options nor the manifests name an environment, otherwise undefined. */
export function missingEnvironment(
  inputs: readonly Input[],
  options: InjectCommandOptions,
): string | undefined {
  if (
    options.environment !== undefined ||
    gather(inputs).places.some(({ object }) => object.kind === 'Environment')
  ) {
    return undefined
  }
  return 'the manifests contain no Environment: set --environment NAME to the environment that they belong to'
}

/** Formats the output of `--check`. The exit code is 0 without a problem, otherwise 1. */
export function injectReport({ changes, findings, problems }: InjectOutcome): {
  text: string
  exitCode: number
} {
  const lines = [
    ...problems.map((problem) => `error: ${problemLine(problem)}`),
    ...changes.map((change) => `change: ${problemLine(change)}`),
    ...findings.map((finding) => `note: ${problemLine(finding)}`),
    `${changes.length} to change, ${findings.length} with a note, ${problems.length} with a problem`,
  ]
  return { text: `${lines.join('\n')}\n`, exitCode: problems.length === 0 ? 0 : 1 }
}

/** An object in a document: the document itself, or an item of a List. */
interface Place {
  readonly document: ManifestDocument
  readonly path: readonly (string | number)[]
  readonly object: Manifest
}

interface Gathered {
  readonly files: readonly { input: Input; documents: ManifestDocument[]; isWhole: boolean }[]
  readonly places: Place[]
  readonly problems: FileProblem[]
}

function gather(inputs: readonly Input[]): Gathered {
  const places: Place[] = []
  const problems: FileProblem[] = []
  const files = inputs.map((input) => {
    const parsed = parseManifests(input.file, input.text)
    problems.push(...parsed.problems)
    for (const document of parsed.documents) places.push(...placesIn(document))
    return { input, documents: parsed.documents, isWhole: parsed.problems.length === 0 }
  })
  return { files, places, problems }
}

function placesIn(document: ManifestDocument): Place[] {
  const object = document.value
  if (!isObject(document)) return []
  const { kind, items } = object as Manifest & { items?: unknown }
  if (kind !== 'List' || !Array.isArray(items)) return [{ document, path: [], object: object as Manifest }]
  return (items as Manifest[]).map((item, index) => ({ document, path: ['items', index], object: item }))
}

type Change = (manifests: readonly Manifest[]) => {
  readonly manifests: readonly Manifest[]
  readonly findings: readonly Finding[]
}

function transform(inputs: readonly Input[], change: Change): InjectOutcome {
  const { files, places, problems } = gather(inputs)
  // Objects without metadata pass. The API server refuses them.
  const whole = places.filter(
    ({ object }) => typeof object?.metadata === 'object' && object.metadata !== null,
  )
  const { manifests, findings } = change(whole.map(({ object }) => object))
  const changed = whole.flatMap((place, index) => {
    const after = manifests[index] as Manifest
    return isDeepStrictEqual(place.object, after) ? [] : [{ place, after }]
  })
  for (const document of new Set(changed.map(({ place }) => place.document))) {
    const own = changed.filter(({ place }) => place.document === document)
    applyTo(document, own)
  }
  const touched = new Set(changed.map(({ place }) => place.document))
  const found = findings.map((finding) => ({ finding, problem: locatedFinding(finding, whole) }))
  return {
    outputs: files.map(({ input, documents, isWhole }) => ({
      file: input.file,
      text:
        isWhole && documents.some((it) => touched.has(it)) ? rendered(input, documents, touched) : input.text,
    })),
    changes: changed.map(({ place, after }) => located(place, changeSentence(place.object, after))),
    findings: found.filter(({ finding }) => effectOf(finding) !== 'fault').map(({ problem }) => problem),
    // An invalid setting is an error in the manifest, not a remark.
    problems: [
      ...problems,
      ...found.filter(({ finding }) => effectOf(finding) === 'fault').map(({ problem }) => problem),
    ],
  }
}

function locatedFinding(finding: Finding, places: readonly Place[]): FileProblem {
  const place = places.find(({ object }) => isSame(object, finding))
  const sentence = `${finding.kind} ${finding.name}: ${finding.message}`
  return place === undefined
    ? { file: '', line: undefined, field: finding.field, message: sentence }
    : located(place, sentence)
}

function applyTo(document: ManifestDocument, changed: readonly { place: Place; after: Manifest }[]): void {
  const before = document.value
  const after = structuredClone(before) as { items?: Manifest[] }
  for (const { place, after: object } of changed) {
    const [, index] = place.path
    if (index === undefined) editDocument(document.document, before, object)
    else (after.items as Manifest[])[index as number] = object
  }
  if (changed.some(({ place }) => place.path.length > 0)) editDocument(document.document, before, after)
}

/** Returns the file with its changed documents written again. All other documents stay byte for byte. */
function rendered(
  input: Input,
  documents: readonly ManifestDocument[],
  touched: ReadonlySet<ManifestDocument>,
): string {
  if (input.file.endsWith('.json')) return `${JSON.stringify(documents[0]?.document.toJS(), null, 2)}\n`
  let text = ''
  let at = 0
  for (const it of documents) {
    const end = it.document.range[2]
    const chunk = input.text.slice(at, end)
    text += touched.has(it) ? renderedDocument(it, chunk) : chunk
    at = end
  }
  return text + input.text.slice(at)
}

/** Writes a changed document after the text before its marker, so that comments and directives keep their place. */
function renderedDocument({ document }: ManifestDocument, chunk: string): string {
  const marker = /^---/m.exec(chunk)
  if (marker !== null) document.commentBefore = null
  document.directives.docStart = null
  const before = marker === null ? '' : `${chunk.slice(0, marker.index)}---\n`
  return before + document.toString({ ...styleOf(chunk), directives: false })
}

const isSame = (object: Manifest, finding: Finding): boolean =>
  object.kind === finding.kind &&
  object.metadata.name === finding.name &&
  object.metadata.namespace === finding.namespace

const located = ({ document, path }: Place, message: string): FileProblem => ({
  file: document.file,
  line: lineOf(document, path),
  field: undefined,
  message,
})

function changeSentence(before: Manifest, after: Manifest): string {
  const { kind, metadata } = before
  const isUndone = !isInjected(after)
  const what =
    kind === 'Service'
      ? ['its ports target the sidecar', 'its ports target the app again']
      : hasSidecar(before)
        ? ['its sidecar is updated', 'its pods lose the sidecar']
        : hasSidecar(after)
          ? ['its pods get a sidecar']
          : ['its pods join the environment, without a sidecar', 'its pods leave the environment']
  return `${kind} ${metadata.name}: ${what[isUndone ? 1 : 0]}`
}
