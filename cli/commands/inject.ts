import { isDeepStrictEqual } from 'node:util'
import {
  type Finding,
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
   * The environment of all the manifests. Default: the Environments among them say, by namespace; without
   * one, nothing can be injected.
   */
  readonly environment?: string
  /** With `environment`: the namespaces of the environments above, nearest first. */
  readonly above?: readonly string[]
  readonly sidecar?: SidecarOptions
}

/** What an injection came to: the texts in the order of the inputs, and what was done. */
export interface InjectOutcome {
  readonly outputs: readonly Input[]
  /** What was changed, one line an object. */
  readonly changes: readonly FileProblem[]
  /** What is not routed, and why. */
  readonly findings: readonly FileProblem[]
  /** What could not be read, whose text passes as it is; and settings that the sidecar cannot take. */
  readonly problems: readonly FileProblem[]
}

/** Adds the sidecar to manifests in YAML or JSON; what is not concerned passes byte for byte. Pure. */
export function injectTexts(inputs: readonly Input[], options: InjectCommandOptions = {}): InjectOutcome {
  const { environment, above, sidecar } = options
  // Who says how the sidecar is to be wants it so where it is already, too.
  const common = sidecar === undefined ? { keepSidecars: true } : { sidecar, keepSidecars: false }
  return transform(inputs, (manifests) => {
    if (environment === undefined) return injectEnvironments(manifests, common)
    return injectSidecars(manifests, { ...common, environment, ...(above === undefined ? {} : { above }) })
  })
}

/** Takes the sidecar out again. Pure. */
export function uninjectTexts(inputs: readonly Input[]): InjectOutcome {
  return transform(inputs, (manifests) => ({ manifests: uninject(manifests), findings: [] }))
}

/** Why nothing can be injected, where no environment is given and none is among the manifests. */
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
  return 'no Environment is among the manifests: say with --environment NAME to which one they belong'
}

/** An outcome for people: what `--check` prints, and the exit code: 1 where something could not be read. */
export function injectReport({ changes, findings, problems }: InjectOutcome): {
  text: string
  exitCode: number
} {
  const lines = [
    ...problems.map((problem) => `error: ${problemLine(problem)}`),
    ...changes.map((change) => `change: ${problemLine(change)}`),
    ...findings.map((finding) => `note: ${problemLine(finding)}`),
    `${changes.length} to change, ${findings.length} not routed, ${problems.length} with a problem`,
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
  // Objects that are none of Kubernetes' in shape pass: whoever applies them is told by the API server.
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
    changes: changed.map(({ place }) => located(place, changeSentence(place.object))),
    findings: found.filter(({ finding }) => finding.reason !== 'BadSetting').map(({ problem }) => problem),
    // What somebody wrote and the sidecar cannot take is no note.
    problems: [
      ...problems,
      ...found.filter(({ finding }) => finding.reason === 'BadSetting').map(({ problem }) => problem),
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

/** The file with its changed documents written anew, and all others as they were, octet by octet. */
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

/** A changed document, behind what stood before its marker: comments and directives stay where they were. */
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

function changeSentence({ kind, metadata }: Manifest): string {
  return kind === 'Service'
    ? `Service ${metadata.name}: its ports lead to the sidecar`
    : `${kind} ${metadata.name}: its pods join the environment`
}
