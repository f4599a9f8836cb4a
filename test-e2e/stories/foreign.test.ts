import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { problemLine } from 'branchline/commands/check.ts'
import { injectTexts } from 'branchline/commands/inject.ts'
import { temporaryFolder } from '@branchline/runtime/process/temporary'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Running } from '../harness/target.ts'
import { chosenTarget, note } from '../harness/test-stories.ts'
import { until } from '../harness/until.ts'
import { visit } from '../harness/visit.ts'

/** Three services in Python with plain YAML, see ../foreign. */
const READY_TIMEOUT_MS = 90_000
const BRANCH = ['shelf 1', 'books 2', 'authors 1']
let folder: string
let platform: Running
const startedAt = performance.now()

const said = async (environment: string): Promise<unknown> => {
  const url = await platform.previewUrl(environment, 'shelf', READY_TIMEOUT_MS)
  const { status, body } = await visit(url)
  if (status !== 200) throw new Error(`${status}: ${body}`)
  return JSON.parse(body)
}

const says =
  (environment: string, services: readonly string[]): (() => Promise<void>) =>
  async () =>
    expect(await said(environment)).toEqual(services)

/** Returns the output of `branchline inject --check`. The cluster target adds sidecars in the same way. */
async function injected(): Promise<string[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml'))
  const read = async (file: string) => ({ file, text: await readFile(join(folder, file), 'utf8') })
  const { changes } = injectTexts(await Promise.all(files.map(read)))
  return changes.map(problemLine)
}

beforeAll(async () => {
  folder = temporaryFolder('foreign')
  await cp(join(import.meta.dirname, '../foreign'), folder, { recursive: true })
  platform = await chosenTarget().start(folder)
})
afterAll(async () => {
  await platform?.stop()
  await rm(folder, { recursive: true })
})

test('a third-party application starts, and its branch is routed', async () => {
  try {
    await until('library', says('library', ['shelf 1', 'books 1', 'authors 1']), READY_TIMEOUT_MS)
    // The base serves the branch until the branch's pod is ready.
    await until('new-books', says('new-books', BRANCH), READY_TIMEOUT_MS)
  } catch (error) {
    throw new Error(await platform.describe(), { cause: error })
  }
  note((await injected()).join('\n  '))
  note(`both environments after ${Math.round(performance.now() - startedAt)} ms`)
  expect(await said('new-books')).toEqual(BRANCH)
})

const empty = (name: string): string => `
apiVersion: v1
kind: Namespace
metadata: { name: ${name} }
---
apiVersion: branchline.dev/v1alpha1
kind: Environment
metadata: { name: ${name}, namespace: ${name} }
spec: { type: branch, base: new-books }
---
apiVersion: branchline.dev/v1alpha1
kind: Preview
metadata: { name: shelf, namespace: ${name} }
spec: { service: shelf, port: 8000 }
`

/** Adds a branch's file and removes it. Resolves with the milliseconds to its first response, and to its 404. */
async function comeAndGo(name: string): Promise<readonly [number, number]> {
  const file = join(folder, `${name}.yaml`)
  const writtenAt = performance.now()
  await writeFile(file, empty(name))
  expect(await said(name)).toEqual(BRANCH)
  const ms = Math.round(performance.now() - writtenAt)
  const url = await platform.previewUrl(name, 'shelf', READY_TIMEOUT_MS)
  await rm(file)
  const gone = async (): Promise<void> => expect((await visit(url)).status).toBe(404)
  return [ms, (await until('a 404', gone, READY_TIMEOUT_MS)).ms]
}

test('adding and removing a file changes the running platform', async () => {
  expect.hasAssertions()
  const times = [await comeAndGo('later-1'), await comeAndGo('later-2'), await comeAndGo('later-3')]
  note(`answered, and gone, after ${times.map((pair) => pair.join(' and ')).join('; ')} ms`)
})
