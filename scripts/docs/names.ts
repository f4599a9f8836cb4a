import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as names from '@branchline/wire/names'
import { code, commentText, table } from './markdown.ts'

const VALUES: Readonly<Record<string, unknown>> = { ...names }
const SOURCE = join(import.meta.dirname, '../../runtime/wire/names.ts')
const ENTRY = /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)\s*(\w+):/g
const CONSTANT = /(?:(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)\n)?export const ([A-Z_]+)\b/g

/** Returns the reference of names on a cluster, generated from `runtime/wire/names.ts`. */
export async function namesReference(): Promise<string> {
  const source = await readFile(SOURCE, 'utf8')
  return [
    '# Names\n',
    '## Labels\n',
    table(['Label', 'Meaning'], entries(source, 'LABELS', names.LABELS)),
    '## Annotations\n',
    table(['Annotation', 'Meaning'], entries(source, 'ANNOTATIONS', names.ANNOTATIONS)),
    '## Ports, paths and headers\n',
    table(['Name', 'Value', 'Meaning'], constants(source)),
  ].join('\n')
}

/** Returns the entries of an object of names, each with its comment. */
function entries(source: string, name: string, values: Readonly<Record<string, string>>): string[][] {
  const start = source.indexOf(`export const ${name} = {`)
  const block = source.slice(start, source.indexOf('} as const', start))
  const comments = new Map([...block.matchAll(ENTRY)].map(([, comment, key]) => [key, comment as string]))
  return Object.entries(values).map(([key, value]) => {
    const comment = comments.get(key)
    if (comment === undefined) throw new Error(`runtime/wire/names.ts: ${name}.${key} has no doc comment`)
    return [code(value), commentText(comment)]
  })
}

/** Returns the constants with one value. A constant without a comment has the comment of the constant above it. */
function constants(source: string): string[][] {
  let last = ''
  return [...source.matchAll(CONSTANT)].flatMap(([, comment, name]) => {
    last = comment === undefined ? last : commentText(comment)
    const value = VALUES[name as string]
    if (typeof value !== 'string' && typeof value !== 'number') return []
    return [[code(name as string), code(String(value)), last]]
  })
}
