import { parseArgs } from 'node:util'
import { $, glob } from 'zx'
import { buildImages } from './images.ts'
import {
  checkTools,
  contextOf,
  deleteCluster,
  ensureCluster,
  fenceServices,
  loadImages,
  readSettings,
} from './kind/cluster.ts'
import { buildForeignImages } from './kind/foreign-images.ts'
import { installPlatform, installShop, shopPassword } from './kind/platform.ts'
import { buildProgramImages } from './kind/program-images.ts'
import { buildShopImages } from './kind/shop-images.ts'
import { uninstall } from './kind/uninstall.ts'

/**
 * The kind harness. `up` creates the cluster, builds the images, and installs the platform and the sample shop. `test`
 * runs the e2e tests. `clean` uninstalls everything, and fails if an object remains. `down` deletes the cluster. Without
 * a command, all four run in this order. `--keep` then skips `clean` and `down`. `--only NAME` runs the test file of that
 * name, such as `grpc`, or else the story of that name, such as `chain` or `deaths`.
 */
const USAGE = 'usage: node scripts/kind.ts [up|test|clean|down] [--keep] [--only NAME]'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { keep: { type: 'boolean', default: false }, only: { type: 'string' } },
})
const settings = readSettings(process.env)
const context = contextOf(settings.cluster)
const startedAt = performance.now()

/** Runs a step and prints its duration. */
async function step<T>(title: string, run: () => Promise<T>): Promise<T> {
  process.stdout.write(`${title} …\n`)
  const from = performance.now()
  const result = await run()
  process.stdout.write(`${title}: ${((performance.now() - from) / 1000).toFixed(1)} s\n`)
  return result
}

async function up(): Promise<void> {
  await checkTools()
  await step(`cluster ${settings.cluster}`, async () => {
    await ensureCluster(settings)
    await fenceServices(settings)
  })
  const images = await step('images', async () => [
    ...(await buildImages(settings.bases)),
    ...(await buildShopImages(settings.bases)),
    ...(await buildForeignImages(settings.bases)),
    ...(await buildProgramImages(settings.bases)),
  ])
  const loaded = await step('loading images', () => loadImages(settings, images))
  process.env['SHOP_DB_PASSWORD'] ??= await shopPassword(context)
  process.stdout.write(`${loaded.length} of ${images.length} images were new\n`)
  await step('platform', () => installPlatform(settings, context, loaded.length > 0))
  const urls = await step('sample shop', () => installShop(context, loaded.length > 0))
  for (const url of urls) process.stdout.write(`${url}\n`)
  process.stdout.write(`up after ${((performance.now() - startedAt) / 1000).toFixed(0)} s\n`)
}

/** The arguments of vitest that select a test file or a story by name. A story is a `describe` block of that name. */
async function testFilter(only?: string): Promise<string[]> {
  if (only === undefined) return []
  const files = await glob(`test-e2e/**/${only}.test.ts`, { gitignore: true })
  return files.length > 0 ? files : ['--testNamePattern', `^(cluster[ >]+)?${only}[ >]`]
}

async function test(): Promise<boolean> {
  process.env['SHOP_DB_PASSWORD'] ??= await shopPassword(context)
  const filter = await testFilter(values.only)
  const env = { ...process.env, BRANCHLINE_TARGET: 'kind', BRANCHLINE_CONTEXT: context }
  const run = $({ env, stdio: 'inherit' })`vitest run --project e2e ${filter}`.nothrow()
  return (await run).exitCode === 0
}

const clean = (): Promise<void> => step('uninstalling', () => uninstall(context))

async function down(): Promise<void> {
  await step(`deleting the cluster ${settings.cluster}`, () => deleteCluster(settings))
}

const [command, ...rest] = positionals
if (rest.length > 0 || (command !== undefined && !['up', 'test', 'clean', 'down'].includes(command))) {
  console.error(USAGE)
  process.exit(64)
}
try {
  if (command === 'down') await down()
  else if (command === 'clean') await clean()
  else {
    if (command !== 'test') await up()
    if (command !== 'up' && !(await test())) process.exitCode = 1
    if (command === undefined && !values.keep) {
      await clean()
      await down()
    }
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
