import { stringify } from 'yaml'

/**
 * Renders what this folder writes of Go's text/template and Helm's functions, and refuses all else: `if`, `and`,
 * `or`, `not`, `eq`, `printf` with `%s`, `quote`, `int`, `toYaml`, `nindent`, and trimming by `{{-`.
 */
export function render(template: string, data: object): string {
  const tokens = tokensOf(template)
  const output = renderBlock(tokens, data, true)
  if (tokens.length > 0) throw new Error(`an end without an if: ${JSON.stringify(tokens[0])}`)
  return output
}

type Token = { readonly text: string } | { readonly action: string }

function tokensOf(template: string): Token[] {
  const tokens: Token[] = []
  let rest = template
  for (;;) {
    const open = rest.indexOf('{{')
    if (open === -1) return [...tokens, { text: rest }]
    const isTrimmed = rest[open + 2] === '-'
    // Strings in an action may have braces in them.
    const inside = /^\{\{-?\s((?:"(?:[^"\\]|\\.)*"|[^"}])*)\s\}\}/.exec(rest.slice(open))
    if (inside === null) throw new Error(`no action: ${rest.slice(open, open + 60)}`)
    const text = rest.slice(0, open)
    tokens.push({ text: isTrimmed ? text.trimEnd() : text }, { action: (inside[1] as string).trim() })
    rest = rest.slice(open + inside[0].length)
  }
}

/** Up to the end of the block, which stays. */
function renderBlock(tokens: Token[], data: object, isShown: boolean): string {
  let output = ''
  for (;;) {
    const [token] = tokens
    if (token === undefined || ('action' in token && /^(?:else|end)\b/.test(token.action))) return output
    tokens.shift()
    if ('text' in token) output += token.text
    else if (token.action.startsWith('if ')) output += renderIf(token.action.slice(3), tokens, data, isShown)
    else if (isShown) output += String(evaluate(token.action, data))
  }
}

function renderIf(condition: string, tokens: Token[], data: object, isShown: boolean): string {
  let isOpen = isShown
  let output = ''
  let next: string | undefined = condition
  for (;;) {
    const isTaken: boolean = isOpen && (next === undefined || isTrue(evaluate(next, data)))
    const text = renderBlock(tokens, data, isTaken)
    if (isTaken) output = text
    isOpen &&= !isTaken
    const token = tokens.shift()
    if (token === undefined || 'text' in token) throw new Error('an if without an end')
    if (token.action === 'end') return output
    next = token.action === 'else' ? undefined : token.action.replace(/^else if /, '')
  }
}

const isTrue = (value: unknown): boolean =>
  typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value)

/** A pipeline: each command's result is the last argument of the next. */
function evaluate(pipeline: string, data: object): unknown {
  const words = pipeline.match(/"(?:[^"\\]|\\.)*"|[()|]|[^\s()|]+/g) as string[]
  const parse = (): unknown => {
    let piped: unknown[] = []
    for (;;) {
      const args: unknown[] = []
      while (words.length > 0 && words[0] !== ')' && words[0] !== '|') {
        const word = words.shift() as string
        args.push(word === '(' ? parse() : valueOf(word, data))
      }
      const result = call([...args, ...piped])
      const next = words.shift()
      if (next !== '|') return result
      piped = [result]
    }
  }
  return parse()
}

class Name {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

function valueOf(word: string, data: object): unknown {
  if (word.startsWith('"')) return JSON.parse(word) as string
  if (/^\d+$/.test(word)) return Number(word)
  if (!word.startsWith('.')) return new Name(word)
  let at: unknown = data
  for (const name of word.slice(1).split('.')) at = (at as Record<string, unknown>)[name]
  return at
}

function call([first, ...args]: unknown[]): unknown {
  if (!(first instanceof Name)) return first
  const found = FUNCTIONS[first.name]
  if (found === undefined) throw new Error(`no function ${first.name}`)
  return (found as (...args: unknown[]) => unknown)(...args)
}

const FUNCTIONS: Readonly<Record<string, (...args: never[]) => unknown>> = {
  not: (value: unknown) => !isTrue(value),
  and: (...values: unknown[]) => values.every(isTrue),
  or: (...values: unknown[]) => values.some(isTrue),
  eq: (value: unknown, ...others: unknown[]) => others.includes(value),
  quote: (value: string) => JSON.stringify(value),
  int: (value: number) => Math.trunc(value),
  printf: (format: string, ...args: string[]) =>
    format.replaceAll(/%[s%]/g, (verb) => (verb === '%%' ? '%' : (args.shift() as string))),
  toYaml: (value: unknown) => stringify(value, { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE' }).trimEnd(),
  nindent: (count: number, value: string) => `\n${value.replaceAll(/^/gm, ' '.repeat(count))}`,
}
