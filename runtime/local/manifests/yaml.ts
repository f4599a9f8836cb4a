import { Composer, type Document, isScalar, type LineCounter, Parser } from 'yaml'
import { lenientLexer } from './yaml-lexer.ts'
import { type Part, splitDocuments } from './yaml-split.ts'
import { type DuplicateKey, Evaluation, MAX_EXPANDED_LENGTH, ValueError } from './yaml-value.ts'

export { MAX_EXPANDED_LENGTH } from './yaml-value.ts'

/** The maximum depth of nested lists and maps. Schemas of CRDs reach about 60. */
export const MAX_NESTING = 256
/** The maximum number of documents in one file. */
export const MAX_DOCUMENTS = 20_000

/** The maximum number of values that aliases add to a document. go-yaml has about the same limit. */
const MAX_REPEATED_VALUES = 400_000

/** A document that could be read. */
export interface ReadDocument {
  /** Its nodes. The values of scalars are their texts: {@link Evaluation} reads them. */
  readonly document: Document.Parsed
  readonly value: unknown
  /** The place of the document in the text. */
  readonly part: Part
  /** The keys that a map has twice. Kubernetes uses the last one. */
  readonly duplicates: readonly Duplicate[]
  readonly message?: undefined
}

/** A document that could not be read. */
interface BrokenDocument {
  readonly document?: undefined
  /** What could be read of it. */
  readonly value?: unknown
  readonly message: string
  readonly line: number
}

/** A key that a map has twice, as a sentence with the line of the second. */
interface Duplicate {
  readonly message: string
  readonly line: number
}

export type YamlDocument = ReadDocument | BrokenDocument

/**
 * Parses the documents of a YAML or JSON text as Kubernetes does (`kubectl`, the API server, Helm), without empty ones. A
 * document that is not valid, or that exceeds {@link MAX_EXPANDED_LENGTH}, {@link MAX_REPEATED_VALUES} or
 * {@link MAX_NESTING}, becomes a message with its line (from 1), and the others are still parsed. Parsing ends where
 * {@link MAX_DOCUMENTS} is exceeded. Fills `lines`.
 */
export function parseYaml(text: string, lines: LineCounter): YamlDocument[] {
  countLines(text, lines)
  const documents: YamlDocument[] = []
  for (const part of splitDocuments(text)) {
    const read = readPart(text, part, lines)
    if (read === undefined) continue
    if (documents.length >= MAX_DOCUMENTS) {
      const { line } = lines.linePos(part.start)
      return [...documents, { message: `more than ${MAX_DOCUMENTS} documents: split the file`, line }]
    }
    documents.push(read)
  }
  return documents
}

/** Returns the nodes of a text that is one valid document, with the tokens from which they were composed. */
export function composeText(text: string): Document.Parsed | undefined {
  const part = { start: 0, end: text.length }
  const composed = composePart(text, part, { keepSourceTokens: true })
  return Array.isArray(composed) ? composed[0] : undefined
}

function countLines(text: string, lines: LineCounter): void {
  lines.addNewLine(0)
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1)
}

function readPart(text: string, part: Part, lines: LineCounter): YamlDocument | undefined {
  const broken = (message: string, offset: number, value?: unknown): BrokenDocument => {
    return { message, line: lines.linePos(offset).line, ...(value !== undefined && { value }) }
  }
  if (part.fault !== undefined) return broken(part.fault.message, part.fault.offset)
  const composed = composePart(text, part, {})
  if (!Array.isArray(composed)) return broken(composed.message, composed.offset)
  const [document, second] = composed
  if (document === undefined) return undefined
  const [error] = document.errors
  if (error !== undefined) return broken(sentenceOf(error), error.pos[0], partialValue(document))
  if (second !== undefined) {
    return broken('Kubernetes ignores a document after "...": begin it with ---', second.range[0])
  }
  if (isEmpty(document)) return undefined
  return readDocument(document, part, lines, broken)
}

function readDocument(
  document: Document.Parsed,
  part: Part,
  lines: LineCounter,
  broken: (message: string, offset: number) => BrokenDocument,
): YamlDocument {
  const evaluation = new Evaluation()
  try {
    const value = evaluation.valueOf(document.contents)
    const fault = new Expansion(evaluation.values).faultOf(value, 0)
    if (fault !== undefined) return broken(fault, document.contents?.range[0] ?? part.start)
    const duplicates = evaluation.duplicates.map((duplicate) => sentenceOfDuplicate(duplicate, lines))
    return { document, value, part, duplicates }
  } catch (error) {
    if (error instanceof ValueError) return broken(error.message, error.offset)
    throw error
  }
}

const isEmpty = ({ contents }: Document.Parsed): boolean =>
  contents === null ||
  (isScalar(contents) && contents.type === 'PLAIN' && contents.value === '' && contents.tag === undefined)

interface TooDeep {
  readonly message: string
  readonly offset: number
}

/** Like `parseAllDocuments`, but limits the depth of the parser's stack, because the composer recurses that deep. */
function composePart(
  text: string,
  part: Pick<Part, 'start' | 'end'>,
  options: { keepSourceTokens?: boolean },
): Document.Parsed[] | TooDeep {
  const parser = new Parser()
  parser.offset = part.start
  const composer = new Composer({
    prettyErrors: false,
    logLevel: 'silent',
    // Scalars stay texts, and `Evaluation` reads them as Kubernetes does.
    schema: 'failsafe',
    resolveKnownTags: false,
    uniqueKeys: false,
    // Keys may have any length, and a comment may follow a quote.
    strict: false,
    ...options,
  })
  const documents: Document.Parsed[] = []
  for (const lexeme of lenientLexer().lex(text.slice(part.start, part.end))) {
    for (const token of parser.next(lexeme)) documents.push(...composer.next(token))
    if (parser.stack.length > MAX_NESTING) {
      return {
        message: `lists and maps are nested more than ${MAX_NESTING} levels deep`,
        offset: parser.offset,
      }
    }
  }
  for (const token of parser.end()) documents.push(...composer.next(token))
  documents.push(...composer.end())
  return documents
}

/** Returns what a document with a fault still says, so that others can find out whether they depend on it. */
function partialValue(document: Document.Parsed): unknown {
  try {
    const evaluation = new Evaluation()
    const value = evaluation.valueOf(document.contents)
    return new Expansion(evaluation.values).faultOf(value, 0) === undefined ? value : undefined
  } catch {
    return undefined
  }
}

function sentenceOfDuplicate({ key, offset, firstOffset }: DuplicateKey, lines: LineCounter): Duplicate {
  const first = lines.linePos(firstOffset).line
  const message = `key ${JSON.stringify(key)} is set twice, first in line ${first}: Kubernetes uses the last one, so remove one`
  return { message, line: lines.linePos(offset).line }
}

const sentenceOf = ({ message }: Error): string => (message.split('\n', 1)[0] as string).replace(/:$/, '')

/** Measures a value with all its aliases expanded. */
class Expansion {
  #length = 0
  #left: number

  constructor(values: number) {
    this.#left = values + MAX_REPEATED_VALUES
  }

  faultOf(value: unknown, depth: number): string | undefined {
    if (depth > MAX_NESTING) return `lists and maps are nested more than ${MAX_NESTING} levels deep`
    this.#length += typeof value === 'string' ? value.length : 1
    if (--this.#left < 0) return `its aliases repeat more than ${MAX_REPEATED_VALUES} values: repeat less`
    if (this.#length > MAX_EXPANDED_LENGTH) {
      return `its aliases make it longer than ${MAX_EXPANDED_LENGTH} characters: repeat less`
    }
    if (typeof value !== 'object' || value === null) return undefined
    for (const [name, part] of Object.entries(value)) {
      this.#length += name.length
      const fault = this.faultOf(part, depth + 1)
      if (fault !== undefined) return fault
    }
    return undefined
  }
}
