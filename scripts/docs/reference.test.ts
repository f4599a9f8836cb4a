import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ERROR_CODES } from './error-codes.ts'
import { codesInSource } from './errors.ts'
import { referenceFiles } from './reference.ts'

const folder = join(import.meta.dirname, '../../docs/reference')

test('docs/reference says what the code says', async () => {
  const outdated: string[] = []
  for (const [name, text] of Object.entries(await referenceFiles())) {
    const written = await readFile(join(folder, name), 'utf8').catch(() => '')
    if (written !== text) outdated.push(`docs/reference/${name}`)
  }
  expect(outdated, 'run npm run docs').toEqual([])
})

test('every error code is explained in scripts/docs/error-codes.ts, and no other', async () => {
  const explained = Object.values(ERROR_CODES).flatMap((codes) => Object.keys(codes))
  expect(explained.toSorted()).toEqual(await codesInSource())
})
