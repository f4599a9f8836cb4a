import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { temporaryFolder } from '@branchline/runtime/process/temporary'
import { synthesiseShop } from '@branchline/gitops/synth'
import { runUp } from 'branchline/commands/run-up.ts'
import type { Platform } from 'branchline/platform/platform.ts'
import { check } from './demo/check.ts'

const HELP = `Runs the platform, the sample shop and two branches until Ctrl-C.

Usage: npm run demo [-- OPTIONS]

  --port NUMBER   port of the preview URLs on 127.0.0.1; 0 for any free port (default: 8080)
  --check         run them, prove every story of the shop, and exit with 0 if all hold
  --help          print this help

Examples:
  npm run demo
  npm run demo -- --port 0
  npm run demo -- --check
`

const EXIT_USAGE = 64
const MAX_PORT = 65_535

process.exitCode = await run()

/** Resolves with the exit code. */
async function run(): Promise<number> {
  const { values, fault } = readArguments()
  if (fault !== undefined) {
    process.stderr.write(`${fault}\n\n${HELP}`)
    return EXIT_USAGE
  }
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  if (values.check) return (await check((line) => process.stdout.write(`${line}\n`))) ? 0 : 1
  return await runShop(Number(values.port))
}

interface Values {
  readonly help: boolean
  readonly check: boolean
  readonly port: string
}

function readArguments(): { values: Values; fault?: string } {
  const defaults = { help: false, check: false, port: '8080' }
  try {
    const { values } = parseArgs({
      options: {
        help: { type: 'boolean', short: 'h', default: defaults.help },
        check: { type: 'boolean', default: defaults.check },
        port: { type: 'string', default: defaults.port },
      },
    })
    const isPort = /^\d{1,5}$/.test(values.port) && Number(values.port) <= MAX_PORT
    if (isPort) return { values }
    return { values, fault: `--port is "${values.port}": wanted a whole number from 0 to ${MAX_PORT}` }
  } catch (error) {
    return { values: defaults, fault: (error as Error).message }
  }
}

/** Synthesises the sample into a temporary folder, and runs that folder. */
async function runShop(port: number): Promise<number> {
  const folder = temporaryFolder('demo')
  try {
    synthesiseShop(folder)
    return await runUp({ folder, port, domain: 'localhost', hosts: true, tryNext })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Three things that show what the product is for. */
function tryNext(platform: Platform): string[] {
  const [alice, baseline] = ['alice', 'baseline'].map((name) => platform.previewUrl(name, 'web') ?? '')
  return [
    `1. Open ${alice} and ${baseline}: only alice's api differs.`,
    `2. npx branchline route explain ${alice}`,
    '3. npx branchline env pause alice, and open her URL again: the baseline serves it.',
  ]
}
