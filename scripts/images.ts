import { copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { $ } from 'zx'
import { bundle } from './bundle.ts'
import { nodeNotice, notices } from './pack/notices.ts'
import { readBases } from './kind/base-images.ts'
import { dockerBuild } from './kind/build.ts'
import { publisher, type Publish } from './images/publish.ts'

/** The images of the product, and the entry of each. */
const IMAGES = {
  sidecar: 'runtime/sidecar/main.ts',
  manager: 'runtime/manager/main.ts',
  relay: 'runtime/relay/main.ts',
  cli: 'cli/main.ts',
} as const

/** Loaded only for a kubeconfig, which a pod does not have. It would cost the manager 17 MB. */
const EXTERNAL = ['@kubernetes/client-node']

const root = join(import.meta.dirname, '..')

const local: Publish = async (folder, reference, base, settings) => {
  await dockerBuild(folder, [reference], base, settings)
  return reference
}

/**
 * Builds the images `branchline/<name>:<version>` and returns their references. The build downloads only the base.
 * Default: with Docker on this machine, on the base that the variables name.
 */
export async function buildImages({ product } = readBases(process.env), publish = local): Promise<string[]> {
  const { version } = JSON.parse(await readFile(join(root, 'runtime/package.json'), 'utf8')) as {
    version: string
  }
  const revision = (await $`git -C ${root} rev-parse HEAD`.quiet().nothrow()).stdout.trim()
  const references: string[] = []
  for (const [name, entry] of Object.entries(IMAGES)) {
    const folder = join(root, 'dist/images', name)
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
    const inputs = await bundle(join(root, entry), join(folder, 'main.js'), EXTERNAL)
    await writeFile(join(folder, 'THIRD-PARTY-NOTICES'), (await notices(inputs)) + (await nodeNotice()))
    await copyFile(join(root, 'LICENSE'), join(folder, 'LICENSE'))
    await writeFile(join(folder, 'package.json'), '{"type":"module"}\n')
    await copyFile(join(root, 'kind/images/Dockerfile'), join(folder, 'Dockerfile'))
    const reference = `branchline/${name}:${version}`
    const settings = [`PROCESS=${name}`, `VERSION=${version}`, `REVISION=${revision}`]
    const published = await publish(folder, reference, product, settings)
    const { size } = await stat(join(folder, 'main.js'))
    console.log(`${published}  bundle ${Math.round(size / 1024)} KiB`)
    references.push(published)
  }
  return references
}

if (import.meta.main) {
  const { push } = parseArgs({ options: { push: { type: 'string' } } }).values
  const publish = push === undefined ? undefined : await publisher(push)
  await buildImages(undefined, publish)
}
