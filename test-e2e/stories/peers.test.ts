import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findPeers, type Got } from '../harness/peers.ts'
import { environmentOf, manifestsOf, type Program, RunningProgram } from '../harness/programs.ts'
import { chosenTarget, note } from '../harness/test-stories.ts'
import { createService } from '../peers/service.ts'

/**
 * Clients in other languages receive the same through a preview URL and through a branch's sidecar as from the service
 * itself. Node's clients tolerate things that other clients do not.
 */
const SERVICE: Program = {
  name: 'service',
  image: 'none',
  folder: join(import.meta.dirname, '../peers'),
  command: 'node service.ts',
  port: 8000,
  appProtocol: 'http',
  ready: '/ready',
}
const inEnvironment = (environment: string): Program => ({ ...SERVICE, env: { ENVIRONMENT: environment } })
const ENVIRONMENTS = ['peers', 'branch']
const HOSTS = ENVIRONMENTS.map((name) => `service--${name}.localhost`)

const peers = chosenTarget().name === 'embedded' ? await findPeers() : []
for (const { name, missing } of peers) if (missing !== undefined) note(`skipped: ${name}: ${missing}`)

describe.skipIf(peers.length === 0)('clients of other makes', () => {
  let program: RunningProgram
  let base = ''
  const direct = ENVIRONMENTS.map((environment) => createService(environment).listen(0, '127.0.0.1'))

  beforeAll(async () => {
    program = await RunningProgram.start({
      peers: environmentOf('peers', [SERVICE]) + manifestsOf('peers', inEnvironment('peers')),
      branch: environmentOf('branch', [SERVICE], 'peers') + manifestsOf('branch', inEnvironment('branch')),
    })
    for (const name of ENVIRONMENTS) {
      await program.ready(name, async () =>
        assert.equal((await program.said<{ environment: string }>(name, 'service')).environment, name),
      )
    }
    base = `http://127.0.0.1:${new URL(await program.urlOf('peers', 'service')).port}`
  })
  afterAll(async () => {
    for (const server of direct) server.close().closeAllConnections()
    await program.stop()
  })

  describe.each(peers)('$name', ({ missing, cases, visit }) => {
    test.skipIf(missing !== undefined).for(cases)('%s, as directly', async (one) => {
      const wanted: Got[] = []
      const bySidecar: Got[] = []
      for (const [index, server] of direct.entries()) {
        const { port } = server.address() as AddressInfo
        wanted.push(...(await visit(one, `http://127.0.0.1:${port}`, [''])))
        const sidecar = (await program.platform.sidecarUrl?.(ENVIRONMENTS[index] as string, 'service')) ?? ''
        bySidecar.push(...(await visit(one, sidecar, [''])))
      }
      expect(wanted.map(({ status }) => status)).toEqual(one === 'refuse' ? [413, 413] : [200, 200])
      expect(bySidecar).toEqual(wanted)
      expect(await visit(one, base, HOSTS)).toEqual(wanted)
    })
  })
})
