import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

async function run(environment: Record<string, string>): Promise<{ code: number; stderr: string }> {
  const child = spawn(process.execPath, [`${import.meta.dirname}/main.ts`], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  return { code, stderr }
}

test('an invalid configuration exits with 64 before anything listens, and names every fault', async () => {
  const { code, stderr } = await run({ BRANCHLINE_INBOUND: 'nonsense', LOG_LEVEL: 'loud' })
  expect(code).toBe(64)
  expect(stderr).toContain('BRANCHLINE_INBOUND: inbound port "nonsense": wanted LISTEN=APP/PROTOCOL')
  expect(stderr).toContain('LOG_LEVEL="loud"')
})
