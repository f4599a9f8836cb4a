/** `branchline trust` in a temporary root, with a real certutil where there is one. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type Host, type ProgramResult, runProgram } from './host.ts'
import { runTrust } from './run-trust.ts'

const folders: string[] = []
afterEach(() => Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true }))))

const hasCertutil = (await runProgram('certutil', ['--help'])) !== undefined

/** A machine of its own. `programs` are those that exist. */
async function machine(
  options: Partial<Host> & { certutil?: boolean; update?: ProgramResult | undefined } = {},
) {
  const { certutil = true, update = { code: 0, text: '' }, ...rest } = options
  const root = await mkdtemp(join(tmpdir(), 'branchline-trust-'))
  folders.push(root)
  const home = join(root, 'home/me')
  const ran: string[] = []
  await mkdir(home, { recursive: true })
  const host: Host = {
    platform: 'linux',
    home,
    root,
    isRoot: true,
    run: async (program, args) => {
      ran.push([program, ...args].join(' '))
      if (program === 'certutil') return certutil ? await runProgram(program, args) : undefined
      return update
    },
    ...rest,
  }
  const trust = (flags: { install?: boolean; uninstall?: boolean; domain?: string } = {}) =>
    runTrust({ domain: 'localhost', ...flags }, host, join(root, 'data'))
  return { host, root, home, ran, trust, file: join(root, 'data/branchline/authority/localhost/ca.crt') }
}

const DEBIAN = 'usr/local/share/ca-certificates'

test('prints the authority and what to do, and changes nothing', async () => {
  const { trust, file, root, ran } = await machine()
  await mkdir(join(root, DEBIAN), { recursive: true })
  const { text, exitCode } = await trust()
  expect(exitCode).toBe(0)
  expect(text).toContain(`authority:   ${file}\n`)
  expect(text).toMatch(/SHA-256: +([0-9A-F]{2}:){31}[0-9A-F]{2}\n/)
  expect(text).toContain('system: not installed\n')
  expect(text).toContain(`curl --cacert ${file}`)
  expect(ran).toEqual([])
  expect((await trust()).text).toBe(text)
})

describe('the store of the system', () => {
  test.each([
    [DEBIAN, 'update-ca-certificates', ' --fresh'],
    ['etc/pki/ca-trust/source/anchors', 'update-ca-trust extract', ''],
    ['etc/ca-certificates/trust-source/anchors', 'update-ca-trust extract', ''],
    ['etc/pki/trust/anchors', 'update-ca-certificates', ' --fresh'],
  ])('%s: installs once, and removes once', async (folder, command, fresh) => {
    const { trust, file, root, ran } = await machine()
    await mkdir(join(root, folder), { recursive: true })
    const installed = join(root, folder, 'branchline-localhost.crt')
    expect(await trust({ install: true })).toMatchObject({ exitCode: 0 })
    expect(await readFile(installed, 'utf8')).toBe(await readFile(file, 'utf8'))
    expect((await trust({ install: true })).text).toContain('system: installed\n')
    expect((await trust()).text).toContain('system: installed\n')
    expect(ran).toEqual([command])
    expect((await trust({ uninstall: true })).text).toContain('system: removed\n')
    expect(existsSync(installed)).toBe(false)
    expect(await trust({ uninstall: true })).toMatchObject({ exitCode: 0 })
    expect(ran).toEqual([command, command + fresh])
  })

  test('a user who is not root gets the command', async () => {
    const { trust, file, root, ran } = await machine({ isRoot: false })
    await mkdir(join(root, DEBIAN), { recursive: true })
    const { text, exitCode } = await trust({ install: true })
    const installed = join(root, DEBIAN, 'branchline-localhost.crt')
    expect(text).toContain(`sudo install -m 644 ${file} ${installed} && sudo update-ca-certificates\n`)
    expect([exitCode, existsSync(installed), ran]).toEqual([1, false, []])
  })

  test.each([
    [undefined, 'update-ca-certificates is not installed'],
    [{ code: 1, text: 'disk full' }, 'update-ca-certificates failed: disk full'],
  ])('an update that ends with %j is reported', async (update, message) => {
    const { host, trust, root } = await machine()
    Object.assign(host, { run: () => Promise.resolve(update) })
    await mkdir(join(root, DEBIAN), { recursive: true })
    const { text, exitCode } = await trust({ install: true })
    expect([exitCode, text.includes(message)]).toEqual([1, true])
    expect((await trust()).text).toContain('system: not installed')
  })
})

describe('browsers', () => {
  const title = hasCertutil ? 'with certutil' : 'with certutil (skipped: it is not installed)'
  test.skipIf(!hasCertutil)(`${title}: installs once in each database, and removes all`, async () => {
    const { trust, home } = await machine()
    const databases = [join(home, '.pki/nssdb'), join(home, '.mozilla/firefox/abc.default')]
    for (const folder of databases) {
      await mkdir(folder, { recursive: true })
      await runProgram('certutil', ['-N', '-d', `sql:${folder}`, '--empty-password'])
    }
    const listed = async (): Promise<string[]> => {
      const texts = await Promise.all(
        databases.map((folder) => runProgram('certutil', ['-L', '-d', `sql:${folder}`])),
      )
      return texts.flatMap((result) => result?.text.match(/Branchline CA for .*/g) ?? [])
    }
    const first = await trust({ install: true })
    expect(first).toMatchObject({ exitCode: 0 })
    expect(first.text).toMatch(/Chromium and Chrome: installed.*\nFirefox, profile abc\.default: installed/)
    await trust({ install: true })
    await trust({ install: true, domain: 'preview.test' })
    const lines = await listed()
    expect(lines).toHaveLength(4)
    expect(lines[0]).toMatch(/^Branchline CA for \S+ [0-9a-f]{8} +C,, *$/)
    expect((await trust()).text).toContain('Chromium and Chrome: installed\n')
    expect((await trust({ uninstall: true })).text).toContain('Chromium and Chrome: removed\n')
    expect((await listed()).every((line) => line.includes('preview.test'))).toBe(true)
    expect((await trust({ uninstall: true })).text).toContain('Chromium and Chrome: not installed\n')
  })

  test('without certutil, the command says what to install', async () => {
    const { trust, home } = await machine({ certutil: false })
    await mkdir(join(home, '.pki/nssdb'), { recursive: true })
    const { writeFile } = await import('node:fs/promises')
    await writeFile(join(home, '.pki/nssdb/cert9.db'), '')
    const { text, exitCode } = await trust({ install: true })
    expect([exitCode, text.includes('install libnss3-tools')]).toEqual([1, true])
  })
})

test.each([
  ['darwin', 'security add-trusted-cert'],
  ['win32', 'certutil -user -addstore Root'],
] as const)('on %s, it prints the command', async (platform, command) => {
  const { trust, ran } = await machine({ platform })
  expect((await trust({ install: true })).text).toContain(command)
  expect(ran).toEqual([])
})

test.each([
  [{ domain: '../x' }, '--domain is "../x"'],
  [{ install: true, uninstall: true }, 'exclude each other'],
])('%j is wrong', async (flags, message) => {
  const { trust } = await machine()
  await expect(trust(flags)).rejects.toMatchObject({
    code: 'BL_USAGE',
    message: expect.stringContaining(message) as string,
  })
})
