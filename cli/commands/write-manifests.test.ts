import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { joined, type Output, writeInPlace, writeToFolder } from './write-manifests.ts'

const join2 = (...texts: string[]): string => joined(texts.map((text, index) => ({ file: `${index}`, text })))

describe('several files become one text', () => {
  test.each([
    [['a: 1\n', 'b: 2\n'], 'a: 1\n---\nb: 2\n'],
    [['a: 1', '---\nb: 2'], 'a: 1\n---\nb: 2\n'],
    [['\uFEFFa: 1\n', '\uFEFFb: 2\n'], '\uFEFFa: 1\n---\nb: 2\n'],
    [['a: 1\n', '', '{"b":2}{"c":3}'], 'a: 1\n---\n{"b":2}\n---\n{"c":3}\n'],
    [['a: 1'], 'a: 1'],
    [['{"a":1}\n{"b":2}\n'], '{"a":1}\n{"b":2}\n'],
  ])('%j', (texts, text) => {
    expect(join2(...texts)).toBe(text)
  })

  test('JSON files become a List in JSON, with the items of Lists', () => {
    expect(join2('{"a":1}\n', '{"kind":"List","items":[{"b":2},{"c":3}]}')).toBe(
      '{"apiVersion":"v1","kind":"List","items":[{"a":1},{"b":2},{"c":3}]}\n',
    )
    const list = { kind: 'List', items: [{ b: { c: 2 } }, { d: 3 }] }
    const text = join2(JSON.stringify({ a: 1 }, null, 2), JSON.stringify(list, null, 2))
    const wanted = { apiVersion: 'v1', kind: 'List', items: [{ a: 1 }, { b: { c: 2 } }, { d: 3 }] }
    expect(text).toBe(`${JSON.stringify(wanted, null, 2)}\n`)
  })
})

describe('files', () => {
  let folder: string
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'branchline-write-'))))
  afterEach(() => rmSync(folder, { recursive: true }))

  const input = (path: string, text: string): Output => {
    const root = join(folder, 'in')
    const file = join(root, path)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, text)
    return { root, file, text }
  }

  test('--in-place replaces files that changed, and keeps modes and links', () => {
    const same = input('same.yaml', 'a: 1\n')
    const other = input('other.yaml', 'b: 1\n')
    writeFileSync(other.file, 'b: 1\n', { mode: 0o640 })
    const link = join(folder, 'in', 'link.yaml')
    symlinkSync('other.yaml', link)
    const mode = statSync(other.file).mode
    const paths = writeInPlace([same, { ...other, file: link }], [same, { file: link, text: 'b: 2\n' }])
    expect(paths).toEqual([link])
    expect(readFileSync(other.file, 'utf8')).toBe('b: 2\n')
    expect(statSync(other.file).mode).toBe(mode)
    expect(readdirSync(join(folder, 'in'))).toEqual(['link.yaml', 'other.yaml', 'same.yaml'])
  })

  test('--out writes every file below the folder', () => {
    const inputs = [input('a.yaml', 'a: 1\n'), input('b/c.yaml', 'c: 1\n')]
    const out = join(folder, 'out')
    const outputs = inputs.map(({ file, text }) => ({ file, text: `${text}# new\n` }))
    expect(writeToFolder(out, inputs, outputs)).toEqual([join(out, 'a.yaml'), join(out, 'b/c.yaml')])
    expect(readFileSync(join(out, 'b/c.yaml'), 'utf8')).toBe('c: 1\n# new\n')
  })

  test('--out refuses to mix files, and to replace those that were read', () => {
    const one = input('a.yaml', 'a: 1\n')
    expect(() => writeToFolder(join(folder, 'out'), [one, one], [one, one])).toThrow(
      'two files would be written to',
    )
    expect(() => writeToFolder(one.root, [one], [one])).toThrow('use another folder, or --in-place')
  })
})
