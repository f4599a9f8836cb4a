import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type VolumeFile, writeAtomically } from './atomic-folder.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'branchline-atomic-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const file = (path: string, text: string, mode = 0o644): VolumeFile => ({
  path,
  content: Buffer.from(text),
  mode,
})
const read = (path: string): string => readFileSync(join(folder, path), 'utf8')

test('files appear through ..data, all at once, and only if something changed', () => {
  expect(writeAtomically(folder, [file('a', '1'), file('b/c', '2', 0o400)])).toBe(true)
  expect([read('a'), read('b/c')]).toEqual(['1', '2'])
  expect([readlinkSync(join(folder, 'a')), readlinkSync(join(folder, 'b'))]).toEqual(['..data/a', '..data/b'])
  const first = readlinkSync(join(folder, '..data'))
  expect(writeAtomically(folder, [file('a', '1'), file('b/c', '2', 0o400)])).toBe(false)
  expect(readlinkSync(join(folder, '..data'))).toBe(first)
  expect(writeAtomically(folder, [file('a', '3')])).toBe(true)
  expect(read('a')).toBe('3')
  // One folder of data, the link to it, and the visible name.
  expect(readdirSync(folder).toSorted().slice(1)).toEqual(['..data', 'a'])
  expect(writeAtomically(folder, [])).toBe(true)
  expect(readdirSync(folder).filter((name) => !name.startsWith('..'))).toEqual([])
})

test('a path never leads out of the folder', () => {
  writeAtomically(folder, [file('../../x', '1')])
  expect(read('x')).toBe('1')
})

test('every mode is that of the file, whatever the umask says', () => {
  const umask = process.umask(0o077)
  try {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0o777 }), fc.integer({ min: 0, max: 0o777 }), (one, other) => {
        writeAtomically(folder, [file('a', '1', one), file('b/c', '1', other)])
        const modes = ['a', 'b/c', 'b'].map((path) => statSync(join(folder, path)).mode & 0o777)
        expect(modes).toEqual([one, other, 0o755])
      }),
      { numRuns: 50 },
    )
  } finally {
    process.umask(umask)
  }
})
