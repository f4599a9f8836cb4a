import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { temporaryFolder } from '@branchline/runtime/process/temporary'
import { synthesiseShop } from '@branchline/gitops/synth'
import { runUp } from 'branchline/commands/run-up.ts'
import { check } from './demo/check.ts'

/**
 * `npm run demo`: the platform, the sample shop and two branches, until Ctrl-C.
 * `npm run demo -- --check`: the same, walked through as the story says; exits 0 where every promise holds.
 */
const { values } = parseArgs({
  options: { check: { type: 'boolean', default: false }, port: { type: 'string', default: '8080' } },
})

process.exitCode = values.check ? await checkStory() : await runShop(Number(values.port))

async function checkStory(): Promise<number> {
  return (await check((line) => process.stdout.write(`${line}\n`))) ? 0 : 1
}

/** Synthesises the sample into a folder of its own, and runs that as any other. */
async function runShop(port: number): Promise<number> {
  const folder = temporaryFolder('demo')
  try {
    synthesiseShop(folder)
    return await runUp({ folder, port, domain: 'localhost', hosts: true })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
