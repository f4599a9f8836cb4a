import { Lexer } from 'yaml'

/** The parts of the library's lexer that are changed here. They are private, so a test watches over them. */
interface Internals {
  indentNext: number
  flowLevel: number
  parseQuotedScalar(): Generator<string, unknown>
}

/**
 * Returns a lexer that accepts what go-yaml accepts: the lines of a quoted text or of a flow collection (`[…]`, `{…}`)
 * may be indented by any number of spaces, even none. YAML 1.2 wants them to be indented more than their key.
 */
export function lenientLexer(): Lexer {
  const lexer = new Lexer()
  const internals = lexer as unknown as Internals
  const parseQuotedScalar = internals.parseQuotedScalar.bind(internals)
  let indentNext = 0
  let isQuoted = false
  Object.defineProperty(internals, 'indentNext', {
    get: () => (isQuoted || internals.flowLevel > 0 ? 0 : indentNext),
    set: (indent: number) => {
      indentNext = indent
    },
  })
  internals.parseQuotedScalar = function* quoted(): Generator<string, unknown> {
    isQuoted = true
    try {
      return yield* parseQuotedScalar()
    } finally {
      isQuoted = false
    }
  }
  return lexer
}
