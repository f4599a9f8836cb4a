/**
 * Renders the part of Go's text/template that the chart uses, and throws at everything else: `if`, `with`, `range`,
 * `define`, `include`, variables, pipelines, comments and trimming. `helm.test.ts` renders with Helm itself.
 */
import { FUNCTIONS, isTrue } from './go-functions.fixture.ts'

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly words: readonly string[] }
  | { readonly kind: 'set'; readonly name: string; readonly words: readonly string[] }
  | { readonly kind: 'block'; readonly isWith: boolean; readonly branches: readonly Branch[] }
  | { readonly kind: 'range'; readonly words: readonly string[]; readonly nodes: readonly Node[] }
type Branch = { readonly condition: readonly string[] | undefined; readonly nodes: readonly Node[] }

/** Parsed templates: the text outside of all definitions, and each definition by its name. */
export interface Template {
  readonly nodes: readonly Node[]
  readonly definitions: Map<string, readonly Node[]>
}

type Token = { readonly text: string } | { readonly action: string }

/** Parses one file; its definitions join those of the others. */
export function parseTemplate(source: string, definitions: Template['definitions']): Template {
  const tokens = tokensOf(source)
  const nodes = parseNodes(tokens, definitions)
  const [rest] = tokens
  if (rest !== undefined) throw new Error(`unexpected ${JSON.stringify(rest)}`)
  return { nodes, definitions }
}

/** Renders a parsed file. `root` has the built-in objects: `Values`, `Chart`, `Release`. */
export const render = ({ nodes, definitions }: Template, root: unknown): string =>
  run(nodes, { dot: root, variables: new Map([['$', root]]), definitions })

const ACTION = /\{\{(- )?((?:"(?:[^"\\]|\\.)*"|\/\*[^]*?\*\/|[^"}])*?)( -)?\}\}/g

function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  let [at, trimsNext] = [0, false]
  const pushText = (end: number, trimsEnd: boolean): void => {
    let text = source.slice(at, end)
    if (trimsNext) text = text.trimStart()
    if (trimsEnd) text = text.trimEnd()
    tokens.push({ text })
  }
  for (const match of source.matchAll(ACTION)) {
    const [all, open, action, close] = match
    pushText(match.index, open !== undefined)
    at = match.index + all.length
    trimsNext = close !== undefined
    if (!(action as string).startsWith('/*')) tokens.push({ action: (action as string).trim() })
  }
  pushText(source.length, false)
  if (tokens.some((token) => 'text' in token && token.text.includes('{{')))
    throw new Error('no action after {{')
  return tokens
}

/** Parses up to the `else` or `end` of the surrounding block, which stays. */
function parseNodes(tokens: Token[], definitions: Template['definitions']): Node[] {
  const nodes: Node[] = []
  for (;;) {
    const [token] = tokens
    if (token === undefined || ('action' in token && /^(?:else|end)\b/.test(token.action))) return nodes
    tokens.shift()
    if ('text' in token) nodes.push({ kind: 'text', text: token.text })
    else parseAction(token.action, tokens, nodes, definitions)
  }
}

function parseAction(
  action: string,
  tokens: Token[],
  nodes: Node[],
  definitions: Template['definitions'],
): void {
  const [, keyword, rest] = /^(if|with|define|range|block|template)\s+([^]*)$/.exec(action) ?? []
  const [, variable, value] = /^(\$\w+)\s*:=\s*([^]*)$/.exec(action) ?? []
  if (variable !== undefined) nodes.push({ kind: 'set', name: variable, words: wordsOf(value as string) })
  else if (keyword === undefined) nodes.push({ kind: 'output', words: wordsOf(action) })
  else if (keyword === 'define') {
    definitions.set(JSON.parse(rest as string) as string, parseNodes(tokens, definitions))
    expectEnd(tokens)
  } else if (keyword === 'if' || keyword === 'with') {
    nodes.push({
      kind: 'block',
      isWith: keyword === 'with',
      branches: parseBranches(rest as string, tokens, definitions),
    })
  } else if (keyword === 'range') {
    nodes.push({ kind: 'range', words: wordsOf(rest as string), nodes: parseNodes(tokens, definitions) })
    expectEnd(tokens)
  } else throw new Error(`this reader does not know ${keyword}`)
}

function parseBranches(first: string, tokens: Token[], definitions: Template['definitions']): Branch[] {
  const branches: Branch[] = []
  let condition: string | undefined = first
  for (;;) {
    const words = condition === undefined ? undefined : wordsOf(condition)
    branches.push({ condition: words, nodes: parseNodes(tokens, definitions) })
    const [token] = tokens
    if (token === undefined || 'text' in token || token.action === 'end') break
    condition = token.action === 'else' ? undefined : token.action.replace(/^else (?:if|with) /, '')
    tokens.shift()
  }
  expectEnd(tokens)
  return branches
}

function expectEnd(tokens: Token[]): void {
  const token = tokens.shift()
  if (token === undefined || 'text' in token || token.action !== 'end')
    throw new Error('a block without an end')
}

const wordsOf = (pipeline: string): string[] => {
  const words = pipeline.match(/"(?:[^"\\]|\\.)*"|[()|]|[^\s()|]+/g)
  if (words === null) throw new Error('an empty action')
  return words
}

interface Scope {
  readonly dot: unknown
  readonly variables: Map<string, unknown>
  readonly definitions: Template['definitions']
}

function run(nodes: readonly Node[], outer: Scope): string {
  // A variable lasts until the end of its block.
  const scope = { ...outer, variables: new Map(outer.variables) }
  let output = ''
  for (const node of nodes) {
    if (node.kind === 'text') output += node.text
    else if (node.kind === 'output') output += printed(evaluate(node.words, scope))
    else if (node.kind === 'set') scope.variables.set(node.name, evaluate(node.words, scope))
    else if (node.kind === 'range') output += runRange(node.words, node.nodes, scope)
    else output += runBlock(node.branches, node.isWith, scope)
  }
  return output
}

function runBlock(branches: readonly Branch[], isWith: boolean, scope: Scope): string {
  for (const { condition, nodes } of branches) {
    const value = condition === undefined ? true : evaluate(condition, scope)
    if (isTrue(value)) return run(nodes, isWith && condition !== undefined ? { ...scope, dot: value } : scope)
  }
  return ''
}

function runRange(words: readonly string[], nodes: readonly Node[], scope: Scope): string {
  const list = evaluate(words, scope)
  if (!Array.isArray(list)) throw new Error(`range over ${JSON.stringify(list)}, which is no list`)
  return list.map((dot: unknown) => run(nodes, { ...scope, dot })).join('')
}

function printed(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value)
  throw new Error(`${JSON.stringify(value)} cannot be printed: use toYaml`)
}

/** A pipeline: the result of each command is the last argument of the next. */
function evaluate(pipeline: readonly string[], scope: Scope): unknown {
  const words = [...pipeline]
  const parse = (): unknown => {
    let piped: unknown[] = []
    for (;;) {
      const args: unknown[] = []
      while (words.length > 0 && words[0] !== ')' && words[0] !== '|') {
        const word = words.shift() as string
        args.push(word === '(' ? parse() : valueOf(word, scope))
      }
      const result = call([...args, ...piped], scope)
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

function valueOf(word: string, { dot, variables }: Scope): unknown {
  if (word.startsWith('"')) return JSON.parse(word) as string
  if (/^\d+$/.test(word)) return Number(word)
  if (word === 'true' || word === 'false') return word === 'true'
  const [first, ...names] = word.split('.') as [string, ...string[]]
  if (first !== '' && !first.startsWith('$')) return new Name(word)
  if (first !== '' && !variables.has(first)) throw new Error(`no variable ${first}`)
  let at = first === '' ? dot : variables.get(first)
  for (const name of names.filter((one) => one !== '')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) throw new Error(`no field ${word}`)
    at = (at as Record<string, unknown>)[name]
  }
  return at
}

function call([first, ...args]: unknown[], { definitions }: Scope): unknown {
  if (!(first instanceof Name)) return first
  if (first.name === 'include') {
    const [name, dot] = args as [string, unknown]
    const nodes = definitions.get(name)
    if (nodes === undefined) throw new Error(`no template ${name}`)
    return run(nodes, { dot, variables: new Map([['$', dot]]), definitions })
  }
  const found = FUNCTIONS[first.name]
  if (found === undefined) throw new Error(`no function ${first.name}`)
  return (found as (...args: unknown[]) => unknown)(...args)
}
