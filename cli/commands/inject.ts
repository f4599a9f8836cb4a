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
import { injectText, type Located, objectsIn, uninjectText } from '../edit/document.ts'
import { EditError } from '../edit/edit.ts'
import { takeSources } from '../edit/record.ts'
import { problemLine } from './check.ts'
import { dependentsOf } from './dependents.ts'
import {
  type FileProblem,
  lineOf,
  type ManifestDocument,
  type ParsedManifests,
  parseManifests,
} from './manifest-files.ts'

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
  /** Why files pass unchanged: documents that cannot be read or edited. Also invalid settings. */
  readonly problems: readonly FileProblem[]
}

/**
 * Adds the sidecar to manifests in YAML or JSON. Changes only what differs, so that everything else passes byte for byte,
 * and so that {@link uninjectTexts} restores every file byte for byte. A file with a document for which that is not
 * possible passes unchanged, together with the objects of other files that depend on it. Pure.
 */
export function injectTexts(inputs: readonly Input[], options: InjectCommandOptions = {}): InjectOutcome {
  const { environment, above, sidecar } = options
  // Given options of the sidecar also apply to sidecars that already exist.
  const common = { keepSidecars: true, overrideSidecars: true, ...(sidecar === undefined ? {} : { sidecar }) }
  return transform(inputs, {
    change: (manifests) => {
      if (environment === undefined) return injectEnvironments(manifests, common)
      return injectSidecars(manifests, { ...common, environment, ...(above === undefined ? {} : { above }) })
    },
    edit: injectText,
    areDependent: true,
  })
}

/** Removes the sidecar from manifests. A file that cannot be edited passes unchanged. Pure. */
export function uninjectTexts(inputs: readonly Input[]): InjectOutcome {
  return transform(inputs, {
    change: (manifests) => ({ manifests: uninject(manifests), findings: [] }),
    edit: (text) => uninjectText(text),
    areDependent: false,
  })
}

/** Returns an error message if neither the options nor the manifests name an environment, otherwise undefined. */
export function missingEnvironment(
  inputs: readonly Input[],
  options: InjectCommandOptions,
): string | undefined {
  const isEnvironment = ({ object }: Located): boolean => object.kind === 'Environment'
  if (
    options.environment !== undefined ||
    inputs.some(({ file, text }) =>
      parseManifests(file, text).documents.some(({ value }) => objectsIn(value).some(isEnvironment)),
    )
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

interface Transform {
  readonly change: (manifests: readonly Manifest[]) => {
    readonly manifests: readonly Manifest[]
    readonly findings: readonly Finding[]
  }
  /** Changes the objects of a document, by their index in its List. Throws an {@link EditError}. */
  readonly edit: (text: string, objects: ReadonlyMap<number | undefined, Manifest>) => string
  /** Whether objects that depend on a file that passes unchanged pass unchanged as well. */
  readonly areDependent: boolean
}

/** A file with its documents. */
interface Read extends ParsedManifests {
  readonly input: Input
}

/** An object in a document of a file, without the record of its original texts. */
interface Place extends Located {
  readonly read: Read
  readonly document: ManifestDocument
}

function transform(inputs: readonly Input[], how: Transform): InjectOutcome {
  const reads = inputs.map((input) => ({ input, ...parseManifests(input.file, input.text) }))
  const problems = new Map<Read, readonly FileProblem[]>()
  for (const read of reads) if (read.problems.length > 0) problems.set(read, read.problems.map(unchanged))
  // Each round passes at least one more file unchanged.
  for (;;) {
    const { refused, ...outcome } = attempt(reads, problems, how)
    if (refused.size === 0) {
      const all = reads.flatMap((read) => problems.get(read) ?? [])
      return { ...outcome, problems: [...all, ...outcome.problems] }
    }
    for (const [read, problem] of refused) problems.set(read, [problem])
  }
}

interface Attempt extends InjectOutcome {
  /** The files that cannot be edited, and the reasons. */
  readonly refused: ReadonlyMap<Read, FileProblem>
}

function attempt(reads: readonly Read[], broken: ReadonlyMap<Read, unknown>, how: Transform): Attempt {
  const places = reads.flatMap(placesIn)
  const { waiting, notes } = how.areDependent ? withoutDependents(places, broken) : NONE
  const takesPart = (place: Place): boolean =>
    (!broken.has(place.read) || place.object.kind === 'Environment') && !waiting.has(place)
  const given = places.filter(takesPart)
  const { manifests, findings } = how.change(given.map(({ object }) => object))
  const after = new Map(given.map((place, index) => [place, manifests[index] as Manifest]))
  const changed = given.filter(
    (place) => !broken.has(place.read) && !isDeepStrictEqual(place.object, after.get(place)),
  )
  const { texts, refused } = editFiles(reads, places, changed, after, how)
  const found = findings.map((finding) => ({ finding, problem: locatedFinding(finding, given) }))
  const isFault = ({ finding }: { finding: Finding }): boolean => effectOf(finding) === 'fault'
  return {
    outputs: reads.map((read) => ({ file: read.input.file, text: texts.get(read) ?? read.input.text })),
    changes: changed.map((place) => {
      return located(place, changeSentence(place.object, after.get(place) as Manifest))
    }),
    findings: [...notes, ...found.filter((it) => !isFault(it)).map(({ problem }) => problem)],
    // An invalid setting is an error in the manifest, not a remark.
    problems: found.filter(isFault).map(({ problem }) => problem),
    refused,
  }
}

function placesIn(read: Read): Place[] {
  return read.documents.flatMap((document) =>
    objectsIn(document.value).map(({ item, object }) => {
      return { read, document, item, object: takeSources(object).bare }
    }),
  )
}

interface Waiting {
  readonly waiting: ReadonlySet<Place>
  readonly notes: readonly FileProblem[]
}

const NONE: Waiting = { waiting: new Set(), notes: [] }

/** Finds the objects of other files that depend on files that pass unchanged. */
function withoutDependents(places: readonly Place[], broken: ReadonlyMap<Read, unknown>): Waiting {
  const cause = new Map<Manifest, string>()
  for (const read of broken.keys()) {
    for (const value of read.remains) {
      for (const { object } of objectsIn(value)) cause.set(object, read.input.file)
    }
  }
  for (const { read, object } of places) if (broken.has(read)) cause.set(object, read.input.file)
  const others = places.filter(({ read }) => !broken.has(read))
  const dependents = dependentsOf(
    others.map(({ object }) => object),
    cause,
  )
  const waiting = others.filter(({ object }) => dependents.has(object))
  const notes = waiting.map((place) => {
    const { kind, metadata } = place.object
    const file = dependents.get(place.object)
    return located(place, `${kind} ${metadata.name}: left as it is, because it belongs together with ${file}`)
  })
  return { waiting: new Set(waiting), notes }
}

function editFiles(
  reads: readonly Read[],
  places: readonly Place[],
  changed: readonly Place[],
  after: ReadonlyMap<Place, Manifest>,
  { edit }: Transform,
): { texts: Map<Read, string>; refused: Map<Read, FileProblem> } {
  const texts = new Map<Read, string>()
  const refused = new Map<Read, FileProblem>()
  const touched = new Set(changed.map(({ document }) => document))
  const byDocument = Map.groupBy(places, ({ document }) => document)
  for (const read of reads) {
    const { text } = read.input
    let result = ''
    let at = 0
    for (const document of read.documents) {
      if (!touched.has(document)) continue
      const { start, end } = document.part
      const own = byDocument.get(document) ?? []
      try {
        const objects = new Map(own.map((place) => [place.item, after.get(place) ?? place.object]))
        result += text.slice(at, start) + edit(text.slice(start, end), objects)
      } catch (error) {
        if (!(error instanceof EditError)) throw error
        refused.set(read, problemOf(own[0] as Place, error))
        break
      }
      at = end
    }
    if (at > 0 && !refused.has(read)) texts.set(read, result + text.slice(at))
  }
  return { texts, refused }
}

const problemOf = (place: Place, { message }: EditError): FileProblem =>
  located(
    place,
    `${place.object.kind} ${place.object.metadata.name}: the file stays as it is, because ${message}`,
  )

const unchanged = (problem: FileProblem): FileProblem => ({
  ...problem,
  message: `${problem.message}; the file stays as it is`,
})

function locatedFinding(finding: Finding, places: readonly Place[]): FileProblem {
  const place = places.find(({ object }) => isSame(object, finding))
  const sentence = `${finding.kind} ${finding.name}: ${finding.message}`
  return place === undefined
    ? { file: '', line: undefined, field: finding.field, message: sentence }
    : located(place, sentence)
}

const isSame = (object: Manifest, finding: Finding): boolean =>
  object.kind === finding.kind &&
  object.metadata.name === finding.name &&
  object.metadata.namespace === finding.namespace

const located = ({ document, item }: Place, message: string): FileProblem => ({
  file: document.file,
  line: lineOf(document, item === undefined ? [] : ['items', item]),
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
