import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { temporaryFolder } from '@branchline/runtime/process/temporary'
import { synthesiseShop } from '@branchline/gitops/synth'
import { runUp } from 'branchline/commands/run-up.ts'
import { check } from './demo/check.ts'

/**
 * `npm run demo` runs the platform, the sample shop and two branches until Ctrl-C.
 * `npm run demo -- --check` runs them, proves every story of the shop, and exits with 0 if all hold.
 */
const { values } = parseArgs({
  options: { check: { type: 'boolean', default: false }, port: { type: 'string', default: '8080' } },
})

process.exitCode = values.check ? await checkStory() : await runShop(Number(values.port))

async function checkStory(): Promise<number> {
  return (await check((line) => process.stdout.write(`${line}\n`))) ? 0 : 1
}

/** Synthesises the sample into a temporary folder, and runs that folder. */
async function runShop(port: number): Promise<number> {
  const folder = temporaryFolder('demo')
  try {
    synthesiseShop(folder)
    return await runUp({ folder, port, domain: 'localhost', hosts: true })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
