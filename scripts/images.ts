import { copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { $ } from 'zx'
import { bundle } from './bundle.ts'
import { nodeNotice, notices } from './pack/notices.ts'
import { readBases } from './kind/base-images.ts'
import { dockerBuild } from './kind/build.ts'
import { addPostgres, type Architecture, POSTGRES } from './images/postgres.ts'
import { ownArchitecture, publisher, type Publish } from './images/publish.ts'

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

/** The users of the images. Everything runs as `branchline`. */
const PASSWD = 'root:x:0:0::/:/sbin/nologin\nbranchline:x:65532:65532::/tmp:/sbin/nologin\n'

const local: Publish = {
  architectures: [ownArchitecture()],
  build: async (folder, reference, base, settings) => {
    await dockerBuild(folder, [reference], base, [...settings, `TARGETARCH=${ownArchitecture()}`])
    return reference
  },
}

/**
 * Builds the images `branchline/<name>:<version>` and returns their references. The build downloads only the base.
 * Default: with Docker on this machine, on the base that the variables name.
 */
export async function buildImages(bases = readBases(process.env), publish = local): Promise<string[]> {
  const { version } = JSON.parse(await readFile(join(root, 'runtime/package.json'), 'utf8')) as {
    version: string
  }
  const revision = (await $`git -C ${root} rev-parse HEAD`.quiet().nothrow()).stdout.trim()
  const references: string[] = []
  for (const [name, entry] of Object.entries(IMAGES)) {
    const hasPostgres = name === 'relay'
    const folder = join(root, 'dist/images', name)
    const size = await contextOf(folder, entry, hasPostgres ? publish.architectures : [])
    const reference = `branchline/${name}:${version}`
    const settings = [`PROCESS=${name}`, `VERSION=${version}`, `REVISION=${revision}`]
    // PostgreSQL's initdb needs a shell.
    const published = await publish.build(
      folder,
      reference,
      hasPostgres ? bases.node : bases.product,
      settings,
    )
    console.log(
      `${published}  bundle ${Math.round(size / 1024)} KiB${hasPostgres ? ', with PostgreSQL' : ''}`,
    )
    references.push(published)
  }
  return references
}

/** Writes the folder of a build, with PostgreSQL for these architectures. Returns the size of the bundle, in bytes. */
async function contextOf(
  folder: string,
  entry: string,
  architectures: readonly Architecture[],
): Promise<number> {
  const app = join(folder, 'app')
  await rm(folder, { recursive: true, force: true })
  await mkdir(app, { recursive: true })
  const inputs = await bundle(join(root, entry), join(app, 'main.js'), EXTERNAL)
  const own = POSTGRES[ownArchitecture()]
  if (architectures.length > 0) inputs.push(`node_modules/${own}/package.json`)
  await writeFile(join(app, 'THIRD-PARTY-NOTICES'), (await notices(inputs)) + (await nodeNotice()))
  await copyFile(join(root, 'LICENSE'), join(app, 'LICENSE'))
  await writeFile(join(app, 'package.json'), '{"type":"module"}\n')
  await writeFile(join(folder, 'passwd'), PASSWD)
  await copyFile(join(root, 'kind/images/Dockerfile'), join(folder, 'Dockerfile'))
  for (const architecture of Object.keys(POSTGRES) as Architecture[]) {
    await mkdir(join(folder, 'arch', architecture), { recursive: true })
    if (architectures.includes(architecture))
      await addPostgres(join(folder, 'arch', architecture), architecture)
  }
  return (await stat(join(app, 'main.js'))).size
}

if (import.meta.main) {
  const { push } = parseArgs({ options: { push: { type: 'string' } } }).values
  const publish = push === undefined ? undefined : await publisher(push)
  await buildImages(undefined, publish)
}
