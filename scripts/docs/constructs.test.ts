import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { OLDEST_NODE } from '../../cli/bin/node-version.js'

/** Compiles and runs every program of docs/constructs.md, in a folder where the packages are found. */
const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/constructs.md'), 'utf8')
const run = promisify(execFile)

interface Snippet {
  readonly language: string
  readonly name: string
  readonly text: string
}

const snippets: Snippet[] = [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(
  ([, language = '', text = '']) => {
    const [, name] = /^(?:\/\/|#) (\S+\.\w+)\n/.exec(text) ?? []
    return { language, name: name ?? (language === 'json' ? 'package.json' : ''), text }
  },
)
const programs = snippets.filter(({ language }) => language === 'ts').map(({ name }) => name)

mkdirSync(join(root, 'dist'), { recursive: true })
const folder = mkdtempSync(join(root, 'dist/docs-constructs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

beforeAll(() => {
  for (const { name, text } of snippets.filter((snippet) => snippet.name !== '')) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
})

test('every program has a name, and the pinned versions are those of this repository', () => {
  expect(programs).toEqual(['main.ts', 'plus.ts', 'branch.ts'])
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as {
    dependencies: Record<string, string>
    devDependencies: Record<string, string>
  }
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    const installed = readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')
    expect([name, version]).toEqual([name, (JSON.parse(installed) as { version: string }).version])
  }
  const [, oldest] = /Node\.js ([\d.]+) or later/.exec(page) ?? []
  expect(`${oldest}.0`).toBe(OLDEST_NODE)
})

test('every program compiles', async () => {
  const { stdout } = await run(join(root, 'node_modules/.bin/tsc'), ['-p', folder]).catch(
    (error: unknown) => error as { stdout: string },
  )
  expect(stdout).toBe('')
})

const outputs = new Map<string, Promise<string>>()
/** Runs a program once. Resolves with the folder that it wrote. */
function synthesised(program: string): Promise<string> {
  const out = join(folder, `dist-${program}`)
  const env = { ...process.env, CDK8S_OUTDIR: out }
  const known =
    outputs.get(program) ?? run(process.execPath, [join(folder, program)], { env }).then(() => out)
  outputs.set(program, known)
  return known
}

test.each([
  ['main.ts', 'baseline', ['Deployment web', 'Deployment pricing', 'Preview web']],
  ['main.ts', 'alice', ['Deployment pricing', 'Service pricing', 'ServiceAccount pricing', 'Preview web']],
  [
    'plus.ts',
    'baseline',
    ['ConfigMap pricing-settings', 'Deployment pricing', 'Service pricing', 'Deployment web'],
  ],
  [
    'plus.ts',
    'alice',
    ['ConfigMap pricing-settings', 'Deployment pricing', 'Service pricing', 'Preview web'],
  ],
  [
    'branch.ts',
    'feature-x-1',
    ['ConfigMap pricing-settings', 'Deployment pricing', 'Service pricing', 'Preview web'],
  ],
])('%s synthesises %s', async (program, chart, wanted) => {
  const out = await synthesised(program)
  const text = readFileSync(join(out, `${chart}.k8s.yaml`), 'utf8')
  const objects = parseAllDocuments(text).map(
    (document) => document.toJS() as { kind: string; metadata: { name: string } },
  )
  expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual(
    expect.arrayContaining(wanted),
  )
  expect(text).toContain('branchline-sidecar')
  expect(text).toContain(chart === 'baseline' ? 'image: shop/pricing:1' : 'image: shop/pricing:pr-7')
})
