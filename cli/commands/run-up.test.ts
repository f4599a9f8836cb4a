/** What `up` prints without a terminal, and how it ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const ENTRY = join(import.meta.dirname, '../main.ts')
// It fails until the file exists, and then listens.
const SCRIPT = `
  const fs = require('node:fs')
  if (!fs.existsSync('ok')) throw new Error('DB_URL is not set')
  require('node:http').createServer((_, response) => response.end('hello')).listen(process.env.PORT, process.env.HOST)`

const object = (kind: string, name: string, spec: object): object => ({
  apiVersion: kind === 'Deployment' ? 'apps/v1' : kind === 'Service' ? 'v1' : 'branchline.dev/v1alpha1',
  kind,
  metadata: { name, namespace: 'base' },
  spec,
})
const labels = { app: 'web' }
const container = { name: 'web', command: ['node', '-e', SCRIPT], ports: [{ containerPort: 8000 }] }
const MANIFESTS = [
  object('Environment', 'base', { type: 'shared' }),
  object('Preview', 'web', { service: 'web', port: 80 }),
  object('Service', 'web', { selector: labels, ports: [{ port: 80, targetPort: 8000 }] }),
  object('Deployment', 'web', {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [container] } },
  }),
]

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'branchline-up-'))
  writeFileSync(join(folder, 'all.yaml'), MANIFESTS.map((one) => JSON.stringify(one)).join('\n---\n'))
})
const children: ChildProcess[] = []
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null) continue
    child.kill('SIGINT')
    await once(child, 'exit')
  }
  rmSync(folder, { recursive: true })
})

/** A running `up`, and what it has printed. */
function start(port: number) {
  const child = spawn(process.execPath, [ENTRY, 'up', folder, '--port', String(port)])
  children.push(child)
  const exited = once(child, 'exit') as Promise<[number | null]>
  let out = ''
  const checks = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      out += text
      for (const check of checks) check()
    })
  /** Resolves with the match once it has been printed. */
  const line = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const found = pattern.exec(out)
        if (found !== null) resolve(found)
      }
      checks.add(check)
      check()
      void exited.then(() => reject(new Error(`ended before ${pattern}: ${out}`)))
    })
  return { child, exited, line, output: () => out }
}

test('each reason is a line, a solved problem too; then a stop ends with 0 and leaves nothing', async () => {
  const up = start(0)
  await up.line(
    /^! all\.yaml:7: Deployment base\/web: container web exited with code 1 \(it last wrote: Error: DB_URL is not set\)/m,
  )
  await up.line(/^not ready base: web exited with code 1: Error: DB_URL is not set$/m)
  const [, runFolder = ''] = await up.line(/logs in (\S+)\/pods/)
  const [, url = ''] = await up.line(/all environments at (http:\/\/localhost:\d+\/)/)
  const index = (await (await fetch(url, { headers: { accept: 'application/json' } })).json()) as object
  expect(index).toMatchObject({ folder, environments: [{ name: 'base', ready: false }] })
  writeFileSync(join(folder, 'ok'), '')
  await up.line(/^solved: all\.yaml:7: Deployment base\/web: container web exited with code 1/m)
  await up.line(/^ready base$/m)
  await up.line(/^ready base web http:\/\/web--base\.localhost:\d+$/m)
  const before = up.output()
  up.child.kill('SIGINT')
  expect((await up.exited)[0]).toBe(0)
  expect(up.output()).toBe(before)
  expect(existsSync(runFolder)).toBe(false)
})

test('a signal during the start ends it', async () => {
  const up = start(0)
  await up.line(/^branchline: /m)
  up.child.kill('SIGINT')
  expect((await up.exited)[0]).toBe(0)
  expect(up.output()).not.toContain('up after')
})

test('a port that is in use is an error with the process and a remedy', async () => {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as { port: number }
  const up = start(port)
  expect((await up.exited)[0]).toBe(1)
  expect(up.output()).toMatch(
    new RegExp(
      `port ${port} of 127\\.0\\.0\\.1, which the relay needs, is in use by \\S+ \\(process ${process.pid}\\): choose another port, such as --port 8080`,
    ),
  )
  server.close()
})
