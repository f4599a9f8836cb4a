/** Certificates of a real ACME authority: Pebble, which reaches the relay by HTTP, and a hook by DNS. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { cleanUp, later } from '../../../../testing/cleanups.ts'
import { DEAD_PORT, freePort, listenOn } from '../../../../testing/ports.ts'
import { until } from '../../../../testing/until.ts'
import { ALICE, echoApp, relayTo } from '../../frontends/fixture.ts'
import { collectingLogger, newFolder, presented } from '../fixture.ts'
import { AcmeCertificates } from './acme.ts'
import { Challenges } from './challenges.ts'
import { DEFAULT_ACME_LIMITS } from './limits.ts'
import { Orders } from './orders.ts'
import { pebbleProgram, startPebble } from './pebble-fixture.ts'
import { FileVault } from './vault.ts'

afterEach(cleanUp)

const LIMITS = { ...DEFAULT_ACME_LIMITS, refreshMs: 50, poll: { firstMs: 50, maxMs: 500, attempts: 100 } }
const records = new Map<string, string>()

describe.skipIf(pebbleProgram === undefined)(
  `Pebble${pebbleProgram === undefined ? ' (skipped: there is no pebble on the PATH or in BRANCHLINE_PEBBLE)' : ''}`,
  () => {
    test('issues certificates that the relay proves by HTTP, also at the first use of a host', async () => {
      const httpPort = await freePort()
      const { url, caFile } = await startPebble(httpPort, records)
      const state = await newFolder()
      const { relay } = await relayTo(await echoApp(), {
        variables: {
          BRANCHLINE_STATE_DIR: state,
          BRANCHLINE_HTTP_PORT: String(httpPort),
          BRANCHLINE_HTTPS_PORT: '0',
          BRANCHLINE_HTTPS_REDIRECT: 'on',
          BRANCHLINE_ACME_TERMS: 'agreed',
          BRANCHLINE_ACME_NAMES: 'second.localhost',
          BRANCHLINE_ACME_ON_DEMAND: 'on',
          BRANCHLINE_ACME_URL: url,
          BRANCHLINE_ACME_CA_FILE: caFile,
        },
      })
      const names = (host: string): Promise<string | undefined> =>
        presented(relay.httpsPort ?? 0, host).catch(() => undefined)
      await until(async () => (await names('second.localhost')) === 'DNS:second.localhost')
      // This host is served, so its certificate is ordered at the first use. The other is not.
      await names('stranger.localhost')
      await until(async () => (await names(ALICE)) === `DNS:${ALICE}`)
      expect(await names('stranger.localhost')).not.toContain('stranger')
      const [authority] = await readdir(join(state, 'acme'))
      const stored = await readdir(join(state, 'acme', authority as string, 'certificates'))
      expect(stored).toEqual(['second.localhost', ALICE])
    }, 120_000)

    test('a wildcard is proved by the hook for DNS', async () => {
      const hookServer = createServer((request, response) => {
        const url = new URL(request.url ?? '', 'http://x')
        const [name, value] = [url.searchParams.get('name') ?? '', url.searchParams.get('value') ?? '']
        if (url.pathname === '/present') records.set(name, value)
        else records.delete(name)
        response.end()
      })
      later(() => hookServer.close())
      const hookPort = await listenOn(hookServer)
      const { url, caFile } = await startPebble(await freePort(), records)
      const folder = await newFolder()
      const hook = join(folder, 'hook')
      const program = `const [, , action, name, value] = process.argv
await fetch(\`http://127.0.0.1:${hookPort}/\${action}?\${new URLSearchParams({ name, value })}\`)`
      await writeFile(join(folder, 'hook.mjs'), program)
      await writeFile(hook, `#!/bin/sh\nexec ${process.execPath} ${folder}/hook.mjs "$@"\n`, { mode: 0o755 })
      const vault = new FileVault(join(folder, 'vault'))
      const orders = new Orders({
        url,
        email: 'admin@example.com',
        ca: await readFile(caFile, 'utf8'),
        dnsHook: hook,
        vault,
        challenges: new Challenges(vault),
        limits: LIMITS,
      })
      let names: string[] = []
      const { logger, lines } = collectingLogger()
      const acme = new AcmeCertificates({
        names: ['*.preview.test'],
        serves: () => false,
        vault,
        lock: (work) => work(),
        orders,
        limits: LIMITS,
        now: Date.now,
        logger,
        onChange: (all) => (names = all.flatMap((one) => one.names)),
      })
      later(() => acme.stop())
      await acme.start()
      acme.begin()
      await until(
        () => names.includes('*.preview.test'),
        () => JSON.stringify(lines),
      )
      expect(records.size).toBe(0)
      // The same account orders again.
      expect((await orders.order('*.other.test', new AbortController().signal)).cert).toContain(
        'BEGIN CERTIFICATE',
      )
    }, 120_000)

    test('a name that cannot be proved is an error with the reason of the authority', async () => {
      const { url, caFile } = await startPebble(await freePort(), records)
      const vault = new FileVault(await newFolder())
      const challenges = new Challenges(vault)
      const ca = await readFile(caFile, 'utf8')
      const orders = new Orders({
        url,
        email: undefined,
        ca,
        dnsHook: undefined,
        vault,
        challenges,
        limits: LIMITS,
      })
      await expect(orders.order('nothing.test', new AbortController().signal)).rejects.toMatchObject({
        code: 'BL_ACME',
        message: expect.stringMatching(/^nothing\.test: .*(refused|connect)/is) as string,
      })
      expect(await vault.list('challenges')).toEqual([])
    }, 120_000)
  },
)

test('an authority that cannot be reached is an error with the reason', async () => {
  const vault = new FileVault(await newFolder())
  const challenges = new Challenges(vault)
  const url = `https://127.0.0.1:${DEAD_PORT}/dir`
  const orders = new Orders({
    url,
    email: undefined,
    ca: undefined,
    dnsHook: undefined,
    vault,
    challenges,
    limits: LIMITS,
  })
  await expect(orders.order('a.test', new AbortController().signal)).rejects.toMatchObject({
    code: 'BL_ACME',
    message: `a.test: ${url} cannot be reached (connect ECONNREFUSED 127.0.0.1:${DEAD_PORT})`,
  })
})
