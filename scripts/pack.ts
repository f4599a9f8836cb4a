import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { $ } from 'zx'
import { buildCommand } from './pack/command.ts'
import { buildLibraries } from './pack/library.ts'
import { ROOT } from './pack/manifest.ts'

/**
 * `npm run pack` builds the packages for npm, as folders and as tarballs in `dist/packages` (or `--out FOLDER`):
 * `@branchline/wire` and `@branchline/cdk8s` as JavaScript with types, and `branchline` as a command whose only
 * dependency is the embedded PostgreSQL. Prints the paths of the tarballs.
 */
async function pack(out = join(ROOT, 'dist/packages')): Promise<string[]> {
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  const tarballs: string[] = []
  for (const folder of [...(await buildLibraries(out)), await buildCommand(out)]) {
    const packed = await $({ cwd: folder })`npm pack --json --pack-destination ${out}`.quiet()
    const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }]
    tarballs.push(join(out, filename))
  }
  await rm(join(out, 'compiled'), { recursive: true })
  return tarballs
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: 'string' } } })
  for (const tarball of await pack(values.out)) {
    console.log(`${tarball}  ${Math.round((await stat(tarball)).size / 1024)} KiB`)
  }
}
