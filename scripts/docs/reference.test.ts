import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ERROR_CODES } from './error-codes.ts'
import { codesInSource } from './errors.ts'
import { referenceFiles } from './reference.ts'
import { DEVELOPMENT } from './variable-meanings.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'docs/reference')
/** Variables that only the parts of the embedded cluster use. */
const INTERNAL = new Set(['BRANCHLINE_RUN'])

test('docs/reference is up to date with the code', async () => {
  const outdated: string[] = []
  for (const [name, text] of Object.entries(await referenceFiles())) {
    const written = await readFile(join(folder, name), 'utf8').catch(() => '')
    if (written !== text) outdated.push(`docs/reference/${name}`)
  }
  expect(outdated, 'run npm run docs').toEqual([])
})

test('scripts/docs/error-codes.ts explains exactly the error codes of the source', async () => {
  const explained = Object.values(ERROR_CODES).flatMap((codes) => Object.keys(codes))
  expect(explained.toSorted()).toEqual(await codesInSource())
})

test('the reference lists exactly the variables that the code names', async () => {
  const found = execFileSync('git', ['grep', '-hoE', "('|env\\.)BRANCHLINE_[A-Z0-9_]+", '--', '*.ts'], {
    cwd: root,
  })
  const named = new Set(found.toString().match(/BRANCHLINE_[A-Z0-9_]+/g))
  const text = Object.values(await referenceFiles()).join('')
  const missing = [...named].filter((name) => !INTERNAL.has(name) && !text.includes(`\`${name}\``))
  expect(missing).toEqual([])
  const ours = Object.keys(DEVELOPMENT).filter((name) => name.startsWith('BRANCHLINE_'))
  expect(ours.filter((name) => !named.has(name))).toEqual([])
})
