import { resolvePlain } from '@branchline/runtime/local/manifests/yaml-scalar'
import { type GeneratorValue, nat } from 'fast-check'

/** Returns one of some values. */
export type Choose = <T>(...values: readonly T[]) => T

/** Chooses by a generator of fast-check, so that choices can be repeated and shrunk. */
export const chooser =
  (draw: GeneratorValue): Choose =>
  <T>(...values: readonly T[]) =>
    values[draw(nat, { max: values.length - 1 })] as T

/** Writes an object as people may write YAML: any mix of styles, comments, anchors and merge keys. */
class YamlWriter {
  readonly #choose: Choose
  readonly #indent: number
  readonly #listIndent: number
  readonly #anchored: { name: string; value: unknown }[] = []
  #isLiteralLast = false
  #anchors = 0

  constructor(choose: Choose) {
    this.#choose = choose
    this.#indent = choose(2, 4)
    this.#listIndent = choose(0, 2, 4)
  }

  /** Returns the text of a document, without the marker before it. */
  document(object: unknown): string {
    const text = this.#oneIn(8)
      ? `${this.#flow(object, true)}\n`
      : this.#map(object as Record<string, unknown>, 0)
          .join('\n')
          .concat('\n')
    const end = this.#isLiteralLast ? '' : this.#choose('', '', '\n', '# end\n', '...\n')
    return text + end
  }

  /** The lines of a map, indented by a column. */
  #map(map: Record<string, unknown>, column: number): string[] {
    const lines: string[] = []
    const space = ' '.repeat(column)
    const merged = this.#mergeable(map)
    if (merged !== undefined) lines.push(`${space}<<: *${merged.name}`)
    for (const [key, value] of Object.entries(map)) {
      if (merged !== undefined && Object.hasOwn(merged.value, key)) continue
      if (!this.#isLiteralLast) lines.push(...this.#before(column))
      const [first, ...rest] = this.#value(value, column)
      lines.push(`${space}${this.#key(key)}:${first}`, ...rest)
    }
    return lines
  }

  /** The text behind a colon, and the lines below it. */
  #value(value: unknown, column: number): string[] {
    this.#isLiteralLast = false
    const known = this.#anchored.find((it) => JSON.stringify(it.value) === JSON.stringify(value))
    if (known !== undefined && this.#oneIn(2)) return [` *${known.name}${this.#comment()}`]
    const isFilled = typeof value === 'object' && value !== null && Object.keys(value).length > 0
    if (!isFilled) return this.#inline(value, column)
    const anchor = this.#oneIn(3) ? ` &a${this.#anchors++}` : ''
    const lines = this.#collection(value, column).map((line, index) => (index === 0 ? anchor + line : line))
    if (anchor !== '') this.#anchored.push({ name: anchor.slice(2), value })
    return lines
  }

  #collection(value: object, column: number): string[] {
    if (this.#oneIn(4)) return [` ${this.#flow(value, false)}${this.#comment()}`]
    const head = this.#comment()
    if (!Array.isArray(value)) {
      return [head, ...this.#map(value as Record<string, unknown>, column + this.#indent)]
    }
    return [head, ...value.flatMap((item: unknown) => this.#item(item, column + this.#listIndent))]
  }

  #item(item: unknown, column: number): string[] {
    const space = ' '.repeat(column)
    if (typeof item !== 'object' || item === null || Object.keys(item).length === 0 || this.#oneIn(5)) {
      this.#isLiteralLast = false
      return [`${space}- ${this.#flow(item, false)}${this.#comment()}`]
    }
    const gap = this.#choose(1, 1, 3)
    const [first, ...rest] = this.#map(item as Record<string, unknown>, column + 1 + gap)
    const dash = `${space}-${' '.repeat(gap)}`
    const begin = first as string
    // A comment before the first key stands on lines of its own.
    return /^ *(?:#|$)/.test(begin) ? [`${space}-`, begin, ...rest] : [dash + begin.trimStart(), ...rest]
  }

  #inline(value: unknown, column: number): string[] {
    if (value === null) return [this.#choose('', ' null', ' ~') + this.#comment()]
    if (typeof value === 'string' && value.includes('\n') && this.#oneIn(2)) {
      this.#isLiteralLast = true
      const space = ' '.repeat(column + this.#indent)
      const chomp = value.endsWith('\n') ? '' : '-'
      const lines = value.replace(/\n$/, '').split('\n')
      return [` |${chomp}`, ...lines.map((line) => (line === '' ? '' : space + line))]
    }
    const spaces = this.#choose(' ', ' ', '   ')
    return [`${spaces}${this.#flow(value, false)}${this.#comment()}`]
  }

  #flow(value: unknown, isRoot: boolean): string {
    if (typeof value !== 'object' || value === null) return this.#scalar(value)
    const parts = Array.isArray(value)
      ? value.map((item: unknown) => this.#flow(item, false))
      : Object.entries(value).map(([key, part]) => `${this.#key(key)}: ${this.#flow(part, false)}`)
    const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
    // Lines of a flow collection may begin anywhere, but only spaces may come first.
    const line = isRoot ? '\n  ' : this.#choose(' ', '\n        ', '\n')
    const end = parts.length > 0 && this.#oneIn(5) ? ',' : ''
    const style = this.#choose('tight', 'wide', 'lines')
    if (parts.length === 0) return this.#choose(`${open}${close}`, `${open} ${close}`)
    if (style === 'tight') return `${open}${parts.join(', ')}${end}${close}`
    if (style === 'wide') return `${open} ${parts.join(' , ')}${end} ${close}`
    return `${open}${line}${parts.join(`,${line}`)}${end}${line}${close}`
  }

  #key(key: string): string {
    const isPlain = /^[A-Za-z][\w./-]*$/.test(key) && resolvePlain(key) === key
    return isPlain && !this.#oneIn(9) ? key : JSON.stringify(key)
  }

  #scalar(value: unknown): string {
    if (typeof value === 'number') return this.#number(value)
    if (typeof value !== 'string') return JSON.stringify(value)
    const isPlain = /^[A-Za-z/][\w./-]*$/.test(value) && resolvePlain(value) === value
    const styles = [JSON.stringify(value)]
    if (isPlain) styles.push(value, value, value)
    if (!/[\n\t\r]/.test(value)) styles.push(`'${value.replaceAll("'", "''")}'`)
    // The lines of a quoted text may begin in the first column.
    if (/^\w+ \w+$/.test(value)) styles.push(`"${value.replace(' ', '\n')}"`)
    return this.#choose(...styles)
  }

  #number(value: number): string {
    const plain = String(value)
    if (!Number.isInteger(value) || value < 1) return plain
    const octal = value.toString(8)
    return this.#choose(
      plain,
      plain,
      plain,
      `0${octal}`,
      `0o${octal}`,
      `0x${value.toString(16)}`,
      `${plain}_`,
    )
  }

  #comment(): string {
    return this.#choose('', '', '', '', ' # a: comment', '  ')
  }

  #before(column: number): string[] {
    const space = ' '.repeat(column)
    return this.#choose([], [], [], [], [''], [`${space}# about the next`], ['# left'])
  }

  #mergeable(map: Record<string, unknown>): { name: string; value: object } | undefined {
    const found = this.#anchored.find(
      ({ value }) =>
        typeof value === 'object' &&
        value !== null &&
        !Array.isArray(value) &&
        Object.entries(value).every(([key, part]) => JSON.stringify(map[key]) === JSON.stringify(part)),
    )
    return found !== undefined && this.#oneIn(2) ? (found as { name: string; value: object }) : undefined
  }

  #oneIn(times: number): boolean {
    return this.#choose(...Array.from({ length: times }, (_, index) => index === 0))
  }
}

/** Writes a whole file: its documents, with the line breaks and the beginning of some editor. */
export function writeYamlFile(choose: Choose, objects: readonly unknown[]): string {
  const markers = ['---\n', '--- # next\n', '---\n# only a comment\n---\n', '---   \n']
  let text = choose('', '', '---\n', '# head\n---\n')
  for (const [index, object] of objects.entries()) {
    if (index > 0) text += choose(...markers)
    text += new YamlWriter(choose).document(object)
  }
  if (choose(true, false, false, false, false) && /[\w"'}\]]\n$/.test(text)) text = text.slice(0, -1)
  if (choose(true, false, false, false)) text = text.replaceAll('\n', '\r\n')
  return choose('', '', '', '\uFEFF') + text
}

/** Writes a whole file of JSON. */
export function writeJsonFile(choose: Choose, objects: readonly unknown[]): string {
  const space = choose<number | string | undefined>(undefined, 2, 4, '\t')
  const texts = objects.map((object) => JSON.stringify(object, null, space))
  if (choose(false, true)) return texts.join('\n') + choose('', '\n')
  const list = { apiVersion: 'v1', kind: 'List', items: objects }
  return JSON.stringify(list, null, space) + choose('', '\n')
}
