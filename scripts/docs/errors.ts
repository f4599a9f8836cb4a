import { globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RESET_CODES } from '@branchline/wire/tunnel/limits'
import { ERROR_CODES } from './error-codes.ts'
import { code, table } from './markdown.ts'

const ROOT = join(import.meta.dirname, '../..')
const CODE = /['"`](BL_[A-Z0-9_]+)['"`]/g
/** The prefix of a family of codes. It is not a code itself. */
const PREFIXES = new Set(['BL_HTTP_UPSTREAM'])

/** Returns the reference of the error codes. */
export const errorReference = (): string =>
  [
    '# Error codes\n',
    'Codes are stable. Programs branch on a code, never on a message.\n',
    'You find them in the field `error` of the access log, in the field `err.code` of other log lines, and in ' +
      'the property `code` of errors that a library throws.\n',
    ...Object.entries(ERROR_CODES).map(([part, codes]) => {
      const rows = Object.entries(codes).map(([name, { meaning, remedy }]) => [code(name), meaning, remedy])
      return `## ${part}\n\n${table(['Code', 'Meaning', 'What to do'], rows)}`
    }),
  ].join('\n')

/** Finds every error code in the product's source, without tests. */
export async function codesInSource(): Promise<string[]> {
  const files = globSync('{runtime,cdk8s,cli}/**/*.ts', { cwd: ROOT }).filter(
    (file) => !/node_modules|\/dist\/|\.test\.ts$|fixture/.test(file),
  )
  const texts = await Promise.all(files.map((file) => readFile(join(ROOT, file), 'utf8')))
  const literal = texts.flatMap((text) => [...text.matchAll(CODE)].map(([, name]) => name as string))
  // `TunnelStreamError` derives these from the reason of a reset.
  const tunnel = [...Object.keys(RESET_CODES), 'lost'].map((reason) => `BL_TUNNEL_${reason.toUpperCase()}`)
  return [...new Set([...literal, ...tunnel])].filter((name) => !PREFIXES.has(name)).sort()
}
