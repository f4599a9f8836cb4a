import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { manifestsFrom } from './files.ts'

const folder = mkdtempSync(join(tmpdir(), 'branchline-files-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('reads YAML as Kubernetes reads it, JSON, Lists and nested folders, and skips what is no object', () => {
  mkdirSync(join(folder, 'nested/.hidden'), { recursive: true })
  mkdirSync(join(folder, 'node_modules'))
  const config = (name: string, data: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n${data}\n`
  const modes = 'a: &a { mode: 0400, b: yes }\nc: { <<: *a }'
  writeFileSync(
    join(folder, 'all.yaml'),
    `---\n${config('one', modes)}---\n# nothing\n---\n${config('two', '')}`,
  )
  writeFileSync(join(folder, 'values.yaml'), 'replicas: 2\n')
  writeFileSync(join(folder, 'notes.txt'), 'not: [read')
  writeFileSync(join(folder, 'nested/.hidden/x.yaml'), 'not: [read')
  writeFileSync(join(folder, 'node_modules/x.yaml'), 'not: [read')
  const item = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'three' } }
  writeFileSync(
    join(folder, 'nested/list.json'),
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item] }),
  )
  const manifests = manifestsFrom(folder)
  expect(manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
    'ConfigMap one',
    'ConfigMap two',
    'Secret three',
  ])
  expect(manifests[0]?.['c']).toEqual({ mode: 256, b: true })
  expect(manifestsFrom(join(folder, 'nested/list.json'))).toEqual([item])
})

test('names the file that cannot be read', () => {
  const file = join(folder, 'broken.yaml')
  writeFileSync(file, 'a: [1\n')
  expect(() => manifestsFrom(file)).toThrow(new RegExp(`^${file} is not valid YAML: .`))
  expect(() => manifestsFrom('/nowhere')).toThrow('/nowhere does not exist: correct the path')
  rmSync(file)
})
