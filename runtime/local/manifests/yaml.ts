import { Composer, type Document, Lexer, type LineCounter, Parser } from 'yaml'

/** The maximum depth of nested lists and maps. Schemas of CRDs reach about 60. */
export const MAX_NESTING = 256
/** The maximum number of documents in one file. */
export const MAX_DOCUMENTS = 20_000
/** The maximum number of aliases in a document, counted as often as other aliases repeat them. */
export const MAX_ALIASES = 1_000
/** The maximum size of a document with expanded aliases, in characters of its strings and keys. */
export const MAX_EXPANDED_LENGTH = 16 * 1024 * 1024

/** A document with its value, or a message about its fault. */
export type YamlDocument =
  | { readonly document: Document.Parsed; readonly value: unknown; readonly message?: undefined }
  | { readonly document?: undefined; readonly message: string; readonly line: number }

/**
 * Parses the documents of a YAML or JSON text, without empty ones. A document that is not valid, or that exceeds
 * {@link MAX_ALIASES} or {@link MAX_EXPANDED_LENGTH}, becomes a message with its line (from 1), and the others are still
 * parsed. Parsing ends where {@link MAX_NESTING} or {@link MAX_DOCUMENTS} is exceeded.
 */
export function parseYaml(text: string, lines: LineCounter): YamlDocument[] {
  const documents: YamlDocument[] = []
  for (const document of composed(text, lines)) {
    if (documents.length >= MAX_DOCUMENTS) {
      const line = lines.linePos(document.range[0]).line
      return [...documents, { message: `more than ${MAX_DOCUMENTS} documents: split the file`, line }]
    }
    if ('message' in document) return [...documents, document]
    if (document.errors.length > 0 || document.contents !== null)
      documents.push(readDocument(document, lines))
  }
  return documents
}

interface TooDeep {
  readonly message: string
  readonly line: number
  readonly range: readonly [number]
}

/** Like `parseAllDocuments`, but limits the depth of the parser's stack, because the composer recurses that deep. */
function* composed(text: string, lines: LineCounter): Generator<Document.Parsed | TooDeep> {
  const parser = new Parser(lines.addNewLine)
  const composer = new Composer({ lineCounter: lines, prettyErrors: false })
  lines.addNewLine(0)
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) yield* composer.next(token)
    if (parser.stack.length <= MAX_NESTING) continue
    const { line } = lines.linePos(parser.offset)
    yield {
      message: `lists and maps are nested more than ${MAX_NESTING} levels deep`,
      line,
      range: [parser.offset],
    }
    return
  }
  for (const token of parser.end()) yield* composer.next(token)
  yield* composer.end()
}

function readDocument(document: Document.Parsed, lines: LineCounter): YamlDocument {
  const [broken] = document.errors
  if (broken !== undefined) {
    return { message: sentenceOf(broken), line: lines.linePos(broken.pos[0]).line }
  }
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES })
    const fault = new Expansion().faultOf(value, 0)
    if (fault === undefined) return { document, value }
    return { message: fault, line: lines.linePos(document.contents?.range?.[0] ?? 0).line }
  } catch (error) {
    // An alias without an anchor, or too many aliases.
    return {
      message: sentenceOf(error as Error),
      line: lines.linePos(document.contents?.range?.[0] ?? 0).line,
    }
  }
}

const sentenceOf = ({ message }: Error): string => (message.split('\n', 1)[0] as string).replace(/:$/, '')

/** Measures a value with all its aliases expanded. */
class Expansion {
  #length = 0

  faultOf(value: unknown, depth: number): string | undefined {
    if (depth > MAX_NESTING) return 'an alias refers to the list or map that contains it: write it out'
    this.#length += typeof value === 'string' ? value.length : 1
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
