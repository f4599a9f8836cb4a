/** One document of a text, without the line `---` and the comments before it. */
export interface Part {
  readonly start: number
  readonly end: number
  readonly isJson: boolean
  /** Why it cannot be read, and the offset of the fault. */
  readonly fault?: { readonly message: string; readonly offset: number }
}

const BOM = '\uFEFF'

/**
 * Splits a text into documents as Kubernetes does: a text that begins with `{` and is JSON has one document per value;
 * otherwise a line that begins with `---` ends a document.
 */
export function splitDocuments(text: string): Iterable<Part> {
  return jsonParts(text) ?? yamlParts(text)
}

function* yamlParts(text: string): Generator<Part> {
  let start = text.startsWith(BOM) && text.startsWith('---', 1) ? 1 : 0
  let fault: Part['fault']
  for (let line = start; line < text.length;) {
    const newline = text.indexOf('\n', line)
    const next = newline === -1 ? text.length : newline + 1
    if (text.startsWith('---', line)) {
      yield* yamlPart(text, start, line, fault)
      start = next
      fault = markerFault(text.slice(line + 3, next).trim(), line)
    }
    line = next
  }
  yield* yamlPart(text, start, text.length, fault)
}

function* yamlPart(text: string, start: number, end: number, fault: Part['fault']): Generator<Part> {
  if (fault !== undefined) yield { start, end, isJson: false, fault }
  // Directives such as `%YAML 1.1` do not change how Kubernetes reads.
  else {
    const content = contentStart(text, start, end)
    if (content < end) yield { start: content, end, isJson: false }
  }
}

/** Skips empty lines, comments and directives. */
function contentStart(text: string, start: number, end: number): number {
  const line = /(?:[ \t\r]*(?:#[^\n]*)?|%[^\n]*)(?:\n|$)/y
  let at = start
  while (at < end) {
    line.lastIndex = at
    if (!line.test(text)) return at
    at = line.lastIndex
  }
  return end
}

function markerFault(rest: string, offset: number): Part['fault'] {
  if (rest === '' || rest.startsWith('#')) return undefined
  return { message: 'text after ---: Kubernetes wants the document to begin on the next line', offset }
}

function jsonParts(text: string): Part[] | undefined {
  const parts: Part[] = []
  for (let start = skipSpace(text, 0); start < text.length;) {
    const end = text[start] === '{' ? endOfObject(text, start) : undefined
    if (end === undefined || !isJson(text.slice(start, end))) return undefined
    parts.push({ start, end, isJson: true })
    start = skipSpace(text, end)
  }
  return parts.length === 0 ? undefined : parts
}

function skipSpace(text: string, offset: number): number {
  let at = offset
  while (' \t\r\n'.includes(text[at] ?? '\0')) at++
  return at
}

/** Returns the offset after the brace that closes the object at an offset. */
function endOfObject(text: string, start: number): number | undefined {
  const token = /["{}]/g
  let depth = 0
  for (let at = start; ;) {
    token.lastIndex = at
    const found = token.exec(text)
    if (found === null) return undefined
    at = found.index + 1
    if (found[0] === '"') {
      const end = endOfString(text, at)
      if (end === undefined) return undefined
      at = end
    } else {
      depth += found[0] === '{' ? 1 : -1
      if (depth === 0) return at
    }
  }
}

function endOfString(text: string, start: number): number | undefined {
  const token = /\\.|"/gs
  token.lastIndex = start
  for (;;) {
    const found = token.exec(text)
    if (found === null) return undefined
    if (found[0] === '"') return token.lastIndex
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
