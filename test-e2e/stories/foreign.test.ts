import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Running } from '../harness/target.ts'
import { chosenTarget, note } from '../harness/tell.ts'
import { until } from '../harness/until.ts'
import { visit } from '../harness/visit.ts'

/** Three services in Python, in plain YAML that knows nothing of constructs: see ../foreign. */
const READY_TIMEOUT_MS = 90_000
let folder: string
let platform: Running
const startedAt = performance.now()

const said = async (environment: string): Promise<unknown> => {
  const url = await platform.previewUrl(environment, 'shelf', READY_TIMEOUT_MS)
  const { status, body } = await visit(url)
  if (status !== 200) throw new Error(`${status}: ${body}`)
  return JSON.parse(body)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-foreign-'))
  await cp(join(import.meta.dirname, '../foreign'), folder, { recursive: true })
  platform = await chosenTarget().start(folder)
})
afterAll(async () => {
  await platform?.stop()
  await rm(folder, { recursive: true })
})

test('a folder that is not the sample comes up, and its branch is routed', async () => {
  try {
    await until('library', () => said('library'), READY_TIMEOUT_MS)
    await until('new-books', () => said('new-books'), READY_TIMEOUT_MS)
  } catch (error) {
    throw new Error(await platform.describe(), { cause: error })
  }
  note(`both environments after ${Math.round(performance.now() - startedAt)} ms`)
  expect(await said('library')).toEqual(['shelf 1', 'books 1', 'authors 1'])
  expect(await said('new-books')).toEqual(['shelf 1', 'books 2', 'authors 1'])
})

test('a file that is added and removed changes the running platform within a second', async () => {
  const branch = `
apiVersion: v1
kind: Namespace
metadata: { name: later }
---
apiVersion: branchline.dev/v1alpha1
kind: Environment
metadata: { name: later, namespace: later }
spec: { type: branch, base: new-books }
---
apiVersion: branchline.dev/v1alpha1
kind: Preview
metadata: { name: shelf, namespace: later }
spec: { service: shelf, port: 8000 }
`
  const writtenAt = performance.now()
  await writeFile(join(folder, 'later.yaml'), branch)
  expect(await said('later')).toEqual(['shelf 1', 'books 2', 'authors 1'])
  const ms = performance.now() - writtenAt
  note(`answered ${Math.round(ms)} ms after its file was written`)
  expect(ms).toBeLessThan(1000)
  const url = await platform.previewUrl('later', 'shelf', READY_TIMEOUT_MS)
  await rm(join(folder, 'later.yaml'))
  const gone = async (): Promise<void> => expect((await visit(url)).status).toBe(404)
  const { ms: goneMs } = await until('a 404', gone, READY_TIMEOUT_MS)
  expect(goneMs).toBeLessThan(1000)
})
