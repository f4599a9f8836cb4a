import { Composer, type Document, Lexer, type LineCounter, Parser } from 'yaml'

/** How deep lists and maps may be nested. Schemas of CRDs reach about 60. */
export const MAX_NESTING = 256
/** The most documents of one file. */
export const MAX_DOCUMENTS = 20_000
/** The most aliases that a document may resolve, counted as often as other aliases repeat them. */
export const MAX_ALIASES = 1_000
/** The longest a document may be once its aliases are written out, in characters of its texts and keys. */
export const MAX_EXPANDED_LENGTH = 16 * 1024 * 1024

/** A document with its value, or what is wrong with it. */
export type YamlDocument =
  | { readonly document: Document.Parsed; readonly value: unknown; readonly message?: undefined }
  | { readonly document?: undefined; readonly message: string; readonly line: number }

/**
 * The documents of a text of YAML or JSON with their values; empty documents are left out. A document that is
 * not valid, or that exceeds {@link MAX_ALIASES} or {@link MAX_EXPANDED_LENGTH}, becomes a message and its
 * line (from 1); the others are read. Where {@link MAX_NESTING} or {@link MAX_DOCUMENTS} is exceeded, reading
 * ends there.
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

/** What `parseAllDocuments` does, with the parser's stack watched: the composer recurses as deep as it is. */
function* composed(text: string, lines: LineCounter): Generator<Document.Parsed | TooDeep> {
  const parser = new Parser(lines.addNewLine)
  const composer = new Composer({ lineCounter: lines, prettyErrors: false })
  lines.addNewLine(0)
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) yield* composer.next(token)
    if (parser.stack.length <= MAX_NESTING) continue
    const { line } = lines.linePos(parser.offset)
    yield { message: `lists and maps are nested more than ${MAX_NESTING} deep`, line, range: [parser.offset] }
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
    // An alias that has no anchor, or too many of them.
    return {
      message: sentenceOf(error as Error),
      line: lines.linePos(document.contents?.range?.[0] ?? 0).line,
    }
  }
}

const sentenceOf = ({ message }: Error): string => (message.split('\n', 1)[0] as string).replace(/:$/, '')

/** Measures a value as if each alias in it were written out. */
class Expansion {
  #length = 0

  faultOf(value: unknown, depth: number): string | undefined {
    if (depth > MAX_NESTING) return 'an alias repeats the list or map that it is in: write it out'
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
