import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { listManifests, MAX_FILE_BYTES, MAX_FOLDER_DEPTH, pathIn, readText } from './files.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'branchline-files-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const write = (path: string): void => {
  mkdirSync(join(folder, path, '..'), { recursive: true })
  writeFileSync(join(folder, path), 'a: b\n')
}
const names = (): string[] => listManifests(folder).files.map(({ path }) => pathIn(folder, path))
const ignored = (): string[] =>
  listManifests(folder).ignored.map(({ path, message }) => `${pathIn(folder, path)} ${message}`)

test('manifests are found at any depth, but hidden files, node_modules and other files are not', () => {
  for (const path of [
    'b.yaml',
    'a/x.yml',
    'a/y.json',
    'a/z.txt',
    '.git/c.yaml',
    '.d.yaml',
    'node_modules/e.yaml',
  ])
    write(path)
  expect(names()).toEqual(['a/x.yml', 'a/y.json', 'b.yaml'])
  expect(ignored()).toEqual([])
})

test('overlays are found, and are no manifests', () => {
  for (const path of ['a.yaml', 'branchline.local.yaml', 'a/branchline.local.yml', 'branchline.local.json'])
    write(path)
  expect(names()).toEqual(['a.yaml', 'branchline.local.json'])
  const found = listManifests(folder).overlays.map(({ path }) => pathIn(folder, path))
  expect(found).toEqual(['a/branchline.local.yml', 'branchline.local.yaml'])
})

test('links inside the folder count once, and loops end', () => {
  write('real/a.yaml')
  write('..data/b.yaml')
  for (const name of ['loop1', 'loop2', 'real/up']) symlinkSync(folder, join(folder, name))
  symlinkSync('real', join(folder, 'again'))
  symlinkSync('real/a.yaml', join(folder, 'a.yaml'))
  // The way in which a kubelet mounts a ConfigMap.
  symlinkSync('..data/b.yaml', join(folder, 'b.yaml'))
  expect(names()).toEqual(['b.yaml', 'real/a.yaml'])
})

test('links out of the folder, broken links, pipes and devices are reported and not read', () => {
  symlinkSync('/', join(folder, 'root'))
  symlinkSync('/etc/passwd', join(folder, 'a.yaml'))
  symlinkSync('nowhere', join(folder, 'b.yaml'))
  symlinkSync('c.yaml', join(folder, 'c.yaml'))
  symlinkSync('/dev/zero', join(folder, 'd.yaml'))
  expect(spawnSync('mkfifo', [join(folder, 'e.yaml')]).status).toBe(0)
  expect(names()).toEqual([])
  expect(ignored()).toEqual([
    'a.yaml is a symbolic link that leads out of the folder: put a copy here',
    expect.stringMatching(/^b\.yaml cannot be read: ENOENT/),
    expect.stringMatching(/^c\.yaml cannot be read: ELOOP/),
    'd.yaml is a symbolic link that leads out of the folder: put a copy here',
    'e.yaml is not a regular file: replace it with one, or remove it',
    'root is a symbolic link that leads out of the folder: put a copy here',
  ])
})

test('folders that are nested too deeply are refused', () => {
  mkdirSync(join(folder, ...Array.from({ length: MAX_FOLDER_DEPTH + 1 }, () => 'd')), { recursive: true })
  expect(() => listManifests(folder)).toThrow(`folders nested more than ${MAX_FOLDER_DEPTH} deep`)
})

test('only regular files up to the maximum size are read', () => {
  write('a.yaml')
  expect(readText(join(folder, 'a.yaml'))).toBe('a: b\n')
  truncateSync(join(folder, 'a.yaml'), MAX_FILE_BYTES + 1)
  expect(() => readText(join(folder, 'a.yaml'))).toThrow(`it has ${MAX_FILE_BYTES + 1} bytes`)
  expect(() => readText('/dev/zero')).toThrow('it is not a regular file')
  spawnSync('mkfifo', [join(folder, 'pipe')])
  expect(() => readText(join(folder, 'pipe'))).toThrow('it is not a regular file')
})
