import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { injectOptions } from './run-inject.ts'

test('absent options of the command set no option of the injection', () => {
  expect(injectOptions({})).toEqual({})
  expect(
    injectOptions({ environment: 'alice', above: 'team,baseline,', sidecarImage: 'mirror/sidecar:1' }),
  ).toEqual({
    environment: 'alice',
    above: ['team', 'baseline'],
    sidecar: { image: 'mirror/sidecar:1' },
  })
})

describe('the command', () => {
  let folder: string
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'branchline-inject-'))))
  afterEach(() => rmSync(folder, { recursive: true }))

  const POD = 'apiVersion: v1\nkind: Pod\nmetadata: { name: a, labels: { app: a } }\nspec: {}\n'
  const branchline = (
    args: string[],
    input = '',
  ): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [join(import.meta.dirname, '../main.ts'), ...args], {
      input,
      encoding: 'utf8',
    })

  test('reads standard input, and prints the manifests', () => {
    const { status, stdout } = branchline(['inject', '-', '-e', 'alice'], POD)
    expect(status).toBe(0)
    expect(stdout).toContain('labels: { app: a, branchline.dev/environment: alice }')
    expect(branchline(['uninject', '-'], stdout).stdout).toBe(POD)
  })

  test('replaces files in place, and refuses a chart and arguments that exclude each other', () => {
    const file = join(folder, 'a.yaml')
    writeFileSync(file, POD)
    const { stdout } = branchline(['inject', folder, '-e', 'alice', '--in-place'])
    expect(stdout).toBe(`${file}\n`)
    expect(readFileSync(file, 'utf8')).toContain('branchline.dev/environment: alice')
    mkdirSync(join(folder, 'chart'))
    writeFileSync(join(folder, 'chart', 'Chart.yaml'), 'name: a\n')
    expect(branchline(['inject', folder, '-e', 'alice'])).toMatchObject({
      status: 64,
      stderr: expect.stringContaining('render it first: helm template NAME ') as string,
    })
    expect(branchline(['uninject', '-', '--in-place'])).toMatchObject({
      status: 64,
      stderr:
        "standard input has no file to write to: print it, without --in-place\nTry 'branchline uninject --help'.\n",
    })
  })
})
