import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { $ } from 'zx'
import { type Manifest, NODE, readManifest, ROOT } from './manifest.ts'

/** The libraries and their folders. Each is published module by module, with types. */
const LIBRARIES = { wire: 'runtime/wire', cdk8s: 'cdk8s' } as const

/** Compiles the libraries into packages in a folder, and returns the folders of the packages. */
export async function buildLibraries(folder: string): Promise<string[]> {
  const compiled = join(folder, 'compiled')
  await $`tsc -p ${join(ROOT, 'scripts/pack/tsconfig.json')} --outDir ${compiled}`.quiet()
  const packages: string[] = []
  for (const [name, source] of Object.entries(LIBRARIES)) {
    const target = join(folder, name)
    await mkdir(target, { recursive: true })
    await cp(join(compiled, source), target, { recursive: true })
    await cp(join(ROOT, source, 'README.md'), join(target, 'README.md'))
    await cp(join(ROOT, 'LICENSE'), join(target, 'LICENSE'))
    const manifest = published(await readManifest(source))
    await writeFile(join(target, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
    packages.push(target)
  }
  await cp(join(ROOT, LIBRARIES.wire, 'SPEC.md'), join(folder, 'wire/SPEC.md'))
  return packages
}

/** Returns the published package.json of a library, with JavaScript instead of TypeScript. */
function published(manifest: Manifest): Manifest {
  const { devDependencies: _only, exports: sources, ...rest } = manifest
  const exports = Object.fromEntries(
    Object.entries(sources ?? {}).map(([path, file]) => [
      path,
      file.endsWith('.ts') ? compiledAs(file) : file,
    ]),
  )
  return { ...rest, exports, engines: { node: NODE } } as Manifest
}

const compiledAs = (file: string): { types: string; default: string } => ({
  types: file.replace(/\.ts$/, '.d.ts'),
  default: file.replace(/\.ts$/, '.js'),
})
