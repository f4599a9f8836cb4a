import { once } from 'node:events'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../testing/cleanups.ts'
import { relayFor, visit } from './fixture.ts'
import { previewOf, TestCluster } from './fixture-cluster.ts'

afterEach(cleanUp)

test('a visitor of HTTP/1.1 learns that the app of a preview speaks only HTTP/2, and what to do', async () => {
  const app = createServer((_request, response) => response.end('app'))
  app.on('sessionError', () => {})
  await once(app.listen(0, '127.0.0.1'), 'listening')
  later(() => void app.close())
  const relay = await relayFor()
  await TestCluster.connect(relay.tunnelPort, 'dev', [{ ...previewOf('alice'), protocol: 'grpc' }], {
    'alice/web:80': `127.0.0.1:${(app.address() as AddressInfo).port}`,
  })
  const refused = await visit(relay.httpPort, { host: 'web--alice.localhost' })
  expect(refused.status).toBe(502)
  expect(JSON.parse(refused.body)).toMatchObject({
    reason: 'needs-http2',
    detail: expect.stringMatching(/HTTP\/1\.1.*only HTTP\/2.*Use a client with HTTP\/2/) as string,
  })
})
