import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { anchorsOf, brokenLinks, linksOf } from './links.ts'

const root = join(import.meta.dirname, '../..')

test('every relative link and every anchor of every page exists', () => {
  const listed = execFileSync('git', ['ls-files', '-coz', '--exclude-standard', '*.md'], { cwd: root })
  const paths = listed
    .toString()
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(root, path)))
  const pages = new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]))
  expect(pages.size).toBeGreaterThan(10)
  expect(brokenLinks(pages, root)).toEqual([])
})

test('every page that the command line and conditions name exists, with its heading', () => {
  const listed = execFileSync('git', ['ls-files', '-z', 'cli', 'runtime'], { cwd: root, encoding: 'utf8' })
  const sources = listed
    .split('\0')
    .filter((path) => /(?<!\.test)\.ts$/.test(path) && existsSync(join(root, path)))
  const named = sources.flatMap((path) =>
    [...readFileSync(join(root, path), 'utf8').matchAll(/\bdocs\/[\w/-]+\.md(?:#[\w-]+)?/g)].map(
      ([page]) => page,
    ),
  )
  expect(named.length).toBeGreaterThan(5)
  const pages = new Map([['named.md', named.map((page) => `[x](${page})`).join('\n\n')]])
  for (const page of named) {
    const path = page.replace(/#.*/, '')
    if (existsSync(join(root, path))) pages.set(path, readFileSync(join(root, path), 'utf8'))
  }
  expect(brokenLinks(pages, root)).toEqual([])
})

test('reports a missing file and a missing anchor', () => {
  const pages = new Map([
    ['docs/a.md', '# One\n\n[x](#one) [y](#two) [z](missing.md) [w](https://example.com)'],
  ])
  expect(brokenLinks(pages, root)).toEqual([
    'docs/a.md: docs/a.md has no heading for #two',
    'docs/a.md: missing.md does not exist',
  ])
})

test('ignores links in code', () => {
  expect(linksOf('`[a](b)`\n\n```\n[c](d)\n```\n\n[e](f "title")\n\n[g]: h\n')).toEqual(['f', 'h'])
})

test('anchors equal those of GitHub', () => {
  expect([...anchorsOf('# The `key`, and more\n## [A link](x)\n## A link\n')]).toEqual([
    'the-key-and-more',
    'a-link',
    'a-link-1',
  ])
})
