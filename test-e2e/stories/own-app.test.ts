import { appendFileSync, cpSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@branchline/runtime/process/temporary'
import { which } from 'zx'
import { afterAll, describe, expect, test } from 'vitest'
import { Command } from '../harness/command.ts'
import { chosenTarget, note } from '../harness/test-stories.ts'
import { readTutorial } from '../harness/tutorial.ts'
import { until } from '../harness/until.ts'
import { visit } from '../harness/visit.ts'

/** Follows docs/getting-started.md on a laptop: an application that was not written for Branchline, and two branches. */
const READY_TIMEOUT_MS = 180_000
const TEST_TIMEOUT_MS = 300_000
const EXAMPLE = join(import.meta.dirname, '../../docs/examples/notes')
const PROGRAMS = ['go', 'gunicorn', 'redis-server']

const found = await Promise.all(
  PROGRAMS.map(async (name) => [name, await which(name, { nothrow: true })] as const),
)
const missing = found.filter(([, path]) => path === null).map(([name]) => name)
if (missing.length > 0)
  note(`the own application is skipped, because there is no ${missing.join(' and no ')}`)

const home = temporaryFolder('home')
const { commands, yaml } = readTutorial('getting-started.md', 'On a laptop', home)
const running: Command[] = []
afterAll(() => Promise.all(running.map((command) => command.dispose())))

const start = (args: readonly string[]): Command => {
  const command = new Command('cli/main.ts', args)
  running.push(command)
  return command
}

/** Runs the command of the tutorial that begins with these words. Returns what it wrote. */
async function run(...words: readonly string[]): Promise<string> {
  const command = start(tutorial(...words))
  if ((await command.exit()) !== 0) throw new Error(command.output)
  return command.output
}

function tutorial(...words: readonly string[]): readonly string[] {
  const args = commands.find((one) => words.every((word, index) => one[index] === word))
  if (args === undefined) throw new Error(`the tutorial has no command "branchline ${words.join(' ')}"`)
  return args
}

describe.skipIf(missing.length > 0 || chosenTarget().name !== 'embedded')('the tutorial', () => {
  test(
    'leads from plain manifests to two branches',
    async () => {
      cpSync(EXAMPLE, join(home, 'notes'), { recursive: true })
      expect(await run('init')).toContain('Preview web')
      const up = start([...tutorial('up'), '--port', '0'])
      const pageOf = async (environment: string, wanted: string): Promise<string> => {
        const shown = async (): Promise<string> => {
          const [, port] = /http:\/\/\S+?\.localhost:(\d+)/.exec(up.output) ?? []
          if (port === undefined) throw new Error(`no URL in: ${up.output}`)
          const { status, body } = await visit(`http://web--${environment}.localhost:${port}/`)
          if (status !== 200 || !body.includes(wanted)) throw new Error(`${status}: ${body}\n${up.output}`)
          return body
        }
        return (await until(`the page of ${environment}`, shown, READY_TIMEOUT_MS)).value
      }
      await pageOf('baseline', '<h1>Hello</h1>')

      await run('env', 'create', 'alice')
      const line = yaml.find((block) => block.startsWith('alice/greeter:')) as string
      appendFileSync(join(home, 'notes/manifests/branchline.local.yaml'), line)
      await pageOf('alice', '<h1>Hello, Alice</h1>')
      await pageOf('baseline', '<h1>Hello</h1>')

      await run('env', 'create', 'bob')
      await pageOf('bob', '<h1>Hello</h1>')

      up.signal('SIGINT')
      expect(await up.exit()).toBe(0)
      expect(up.descendants()).toEqual([])
    },
    TEST_TIMEOUT_MS,
  )
})
