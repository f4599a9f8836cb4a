/**
 * Runs h2spec, the conformance suite for HTTP/2 servers (a Go module), against the engine and against node:http2 alone.
 * `npm run test:h2spec` runs it, and so does `npm test`: it takes half a minute, and once the Go module proxy. It is
 * skipped with a message if Go is missing. It runs alone, because its cases have time limits of their own.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { goModule } from '../peers/programs.ts'
import { app, hop } from './fixture.ts'
import { cleanUp } from '../testing/cleanups.ts'

afterEach(cleanUp)

const run = promisify(execFile)
const MODULE = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible'
const program = await goModule(MODULE)
const [binary, missing] = 'missing' in program ? ['', program.missing] : [program.command[0] as string]

interface Outcome {
  readonly passed: number
  readonly skipped: string[]
  readonly failed: string[]
}

/** Reads h2spec's JUnit report. */
function outcomeOf(report: string): Outcome {
  let passed = 0
  const [skipped, failed]: [string[], string[]] = [[], []]
  for (const [, attributes = '', inside = ''] of report.matchAll(
    /<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g,
  )) {
    const name = `${/package="([^"]*)"/.exec(attributes)?.[1]} ${/classname="([^"]*)"/.exec(attributes)?.[1]}`
    if (/<(?:failure|error)/.test(inside)) failed.push(name)
    else if (inside.includes('<skipped')) skipped.push(name)
    else passed++
  }
  return { passed, skipped, failed }
}

async function h2spec(port: number): Promise<Outcome> {
  const report = join(await mkdtemp(join(tmpdir(), 'branchline-h2spec-')), 'report.xml')
  const options = ['-h', '127.0.0.1', '-p', String(port), '-o', '2', '-j', report]
  // It exits with 1 if a case fails.
  await run(binary, options, { timeout: 60_000 }).catch(() => {})
  return outcomeOf(await readFile(report, 'utf8'))
}

test.skipIf(missing !== undefined)(
  `h2spec finds nothing in the engine that it does not find in node:http2${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  // Some cases depend on which frame arrives first.
  { timeout: 120_000, retry: 1 },
  async () => {
    const { port } = await app((stream) => {
      stream.on('data', () => {})
      stream.respond({ ':status': 200, 'content-type': 'text/plain' })
      stream.end('a response\n')
    })
    const node = await h2spec(port)
    const engine = await h2spec((await hop(port)).port)
    process.stdout.write(`h2spec: ${engine.passed} passed; failed, as with node:http2 alone:\n`)
    for (const name of engine.failed) process.stdout.write(`  ${name}\n`)
    expect(engine.passed).toBeGreaterThan(100)
    expect(engine.failed.filter((name) => !node.failed.includes(name))).toEqual([])
  },
)
