import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanUp } from '../../../testing/cleanups.ts'
import { setPorts } from '../circuits/fixture.ts'
import { type TestServer, testServer } from '../store/fixture.ts'
import { startTestApi } from './fixture.ts'

/** schemathesis (PyPI): `pip install schemathesis`. BRANCHLINE_SCHEMATHESIS names the program if it is not in PATH. */
const PROGRAM = process.env['BRANCHLINE_SCHEMATHESIS'] ?? 'schemathesis'
const isPresent = spawnSync(PROGRAM, ['--version']).status === 0
const skipped = isPresent ? '' : ' (skipped: schemathesis is not installed)'
const SLOW = process.env['BRANCHLINE_SLOW'] === '1'

/** `events` does not end, and the others would take the key of the test away. */
const EXCLUDED = '/events$|/keys/'
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'response_headers_conformance',
]
const OPTIONS = [
  '--checks',
  CHECKS.join(','),
  '--exclude-path-regex',
  EXCLUDED,
  '--seed=1',
  '--generation-database=none',
  `--phases=${SLOW ? 'examples,coverage,fuzzing,stateful' : 'fuzzing'}`,
  `--max-examples=${SLOW ? 50 : 5}`,
  '--request-timeout=20',
  '--no-color',
]

let server: TestServer
beforeAll(async () => {
  if (isPresent) server = await testServer()
})
afterAll(async () => {
  await cleanUp()
  if (isPresent) await server.stop()
})

test.skipIf(!isPresent)(
  `generated requests find no failure and no undocumented answer${skipped}`,
  async () => {
    const { store } = await server.testStore()
    await setPorts(store, 30_000, 30_999)
    const { url, key } = await startTestApi(store, { failures: 1_000_000 })
    const document = `${url}/api/v1/openapi.json`
    const child = spawn(PROGRAM, ['run', document, '-H', `Authorization: Bearer ${key}`, ...OPTIONS], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [output, [code]] = (await Promise.all([text(child.stdout), once(child, 'exit')])) as [
      string,
      [number],
    ]
    expect({ code, output: code === 0 ? '' : output.slice(-8000) }).toEqual({ code: 0, output: '' })
  },
  SLOW ? 1_800_000 : 600_000,
)
