import net from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { Command } from '../harness/command.ts'
import { ALICE_PATH } from '../harness/shop.ts'
import { chosenTarget, note } from '../harness/test-stories.ts'
import { until } from '../harness/until.ts'
import { visitShop, pathOf } from '../harness/visit.ts'

/** Uses `npm run demo` and `branchline up` as a user does: starts them, opens URLs, and ends them. */
const UP_TIMEOUT_MS = 60_000
const END_TIMEOUT_MS = 60_000
const ALICE_URL = /http:\/\/web--alice\.localhost:\d+/

let command: Command | undefined
afterEach(() => command?.dispose())

async function startDemo(): Promise<{ demo: Command; url: string }> {
  const demo = new Command('scripts/demo.ts', ['--port', '0'])
  command = demo
  const shown = async (): Promise<string> => {
    const [url] = ALICE_URL.exec(demo.output) ?? []
    if (url === undefined) throw new Error(`no URL of alice in: ${demo.output}`)
    if (pathOf(await visitShop(url)) !== ALICE_PATH) throw new Error('another path')
    return url
  }
  const { value, ms } = await until("alice's URL", shown, UP_TIMEOUT_MS)
  note(`the demo's URLs answered after ${ms} ms`)
  return { demo, url: value }
}

function nothingLeft(demo: Command): void {
  expect(demo.descendants()).toEqual([])
  expect(demo.files()).toEqual([])
}

// The commands run only on the embedded cluster.
describe.skipIf(chosenTarget().name !== 'embedded')('commands', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends the demo, and nothing remains', async (signal) => {
    const { demo, url } = await startDemo()
    expect(demo.descendants().length).toBeGreaterThan(5)
    demo.signal(signal)
    expect(await demo.exit()).toBe(0)
    nothingLeft(demo)
    await expect(visitShop(url)).rejects.toThrow(/ECONNREFUSED/)
  })

  test('when the demo is killed, its processes and files go too', async () => {
    const { demo } = await startDemo()
    demo.signal('SIGKILL')
    await demo.exit()
    await until('no process is left', () => expect(demo.descendants()).toEqual([]), END_TIMEOUT_MS)
    // The next start removes the synthesised files (`temporaryFolder`).
    const left = (): string[] => demo.files().filter((file) => !file.startsWith('branchline-demo-'))
    await until('no other file is left', () => expect(left()).toEqual([]), END_TIMEOUT_MS)
  })

  test('the error for a port in use names the port and the option', async () => {
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as net.AddressInfo
    try {
      command = new Command('scripts/demo.ts', ['--port', String(port)])
      expect(await command.exit()).not.toBe(0)
      expect(command.output).toMatch(new RegExp(`\\b${port}\\b`))
      expect(command.output).toMatch(/taken|in use/)
      expect(command.output).not.toMatch(/^ {4}at /m)
      nothingLeft(command)
    } finally {
      server.close()
    }
  })
})
