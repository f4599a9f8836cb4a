import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { program } from '../program.ts'
import { complete, completionText, type NameReader } from './complete.ts'
import { completionScript } from './scripts.ts'

const NAMES: Record<string, readonly string[]> = {
  environments: ['alice', 'baseline'],
  services: ['orders', 'orders@baseline', 'orders@alice'],
  previews: ['web@alice'],
  items: ['item'],
}
const read: NameReader = (kind) => Promise.resolve(NAMES[kind] ?? [])
const values = async (line: string): Promise<string[]> => {
  const { candidates, paths } = await complete(program, line.split(' '), read)
  return [...candidates.map(({ value }) => value), ...(paths === 'none' ? [] : [`<${paths}>`])]
}

test.each([
  ['st', ['status']],
  ['env ', ['create', 'pause', 'resume', 'delete', 'help']],
  ['env pause ', ['alice', 'baseline']],
  ['env pause --context x b', ['baseline']],
  ['get ', ['env', 'previews', 'pods', 'routes']],
  ['get env a', []],
  ['get env i', ['item']],
  ['get env item ', ['item']],
  ['get -o y', ['yaml']],
  ['get env --out', ['--output']],
  ['describe ', ['env']],
  ['describe env ', ['alice', 'baseline']],
  ['logs orders@a', ['orders@alice']],
  ['logs --tail ', []],
  ['open w', ['web@alice']],
  ['up ', ['<folders>']],
  ['up folder ', []],
  ['inject a b ', ['<files>']],
  ['inject -e b', ['baseline']],
  ['platform --values ', ['<files>']],
  ['platform --format h', ['helm']],
  ['completion ', ['bash', 'zsh', 'fish']],
])('%j completes to %j', async (line, expected) => {
  expect(await values(line)).toEqual(expected)
})

test('the text for the scripts ends with what the shell adds', async () => {
  const text = completionText(await complete(program, ['open', ''], read))
  expect(text).toBe('web@alice\t\n:none\n')
})

// The scripts in their shells, with a program that answers as `branchline __complete` does.
describe('scripts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'branchline-completion-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const stub = join(folder, 'branchline')
  writeFileSync(
    stub,
    `#!/bin/sh\nfor last in "$@"; do :; done\ncase "$last" in\n` +
      `pricing@*) printf 'pricing@alice\\tone\\npricing@base\\ttwo\\n:none\\n';;\n` +
      `x*) printf ':folders\\n';;\n*) printf 'status\\tShow: all\\n:none\\n';;\nesac\n`,
  )
  chmodSync(stub, 0o755)
  mkdirSync(join(folder, 'xfolder'))
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` }
  const lines = (shell: string, script: string): string[] =>
    execFileSync(shell, ['-c', script], { cwd: folder, env, encoding: 'utf8' }).split('\n').filter(Boolean)
  const isThere = (shell: string): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0

  test.each([
    ['branchline st', ['status']],
    // Readline has taken pricing@ as a word already.
    ['branchline logs pricing@', ['alice', 'base']],
    ['branchline up xf', ['xfolder']],
  ])('bash completes %j to %j', (line, expected) => {
    const script =
      `${completionScript('bash')}\ncompopt() { :; }\nCOMP_LINE=${JSON.stringify(line)}; COMP_POINT=\${#COMP_LINE}\n` +
      `_branchline; printf '%s\\n' "\${COMPREPLY[@]}"`
    expect(lines('bash', script)).toEqual(expected)
  })

  test.runIf(isThere('fish')).each([
    ['branchline st', ['status\tShow: all']],
    ['branchline logs pricing@', ['pricing@alice\tone', 'pricing@base\ttwo']],
    ['branchline up xf', [expect.stringMatching(/^xfolder\/\t/) as string]],
  ])('fish completes %j to %j', (line, expected) => {
    expect(lines('fish', `${completionScript('fish')}\ncomplete -C ${JSON.stringify(line)}`)).toEqual(
      expected,
    )
  })

  test.runIf(isThere('zsh'))('zsh accepts the script, and escapes colons', () => {
    const script =
      `compdef() { :; }\n${completionScript('zsh')}\n_describe() { print -l -- "\${(@P)2}" }\n` +
      `words=(branchline st); CURRENT=2; _branchline\nwords=(branchline logs pricing@); CURRENT=3; _branchline`
    expect(lines('zsh', script)).toEqual(['status:Show: all', 'pricing@alice:one', 'pricing@base:two'])
  })
})
