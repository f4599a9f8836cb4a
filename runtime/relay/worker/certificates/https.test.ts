/** A relay whose listener with TLS presents certificates of a folder, or of the authority for development. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { until } from '../../../testing/until.ts'
import { appFor } from '../../fixture.ts'
import { ALICE, type Echo, echoApp, relayTo } from '../frontends/fixture.ts'
import { makeCertificate, newFolder, presented, writePair } from './fixture.ts'

afterEach(cleanUp)
const run = promisify(execFile)

/** Runs curl with HTTP/2; undefined if there is none. */
async function curl(port: number, ca: string, skip: (note: string) => never): Promise<string> {
  const options = ['-sS', '--http2', '--cacert', ca, '--resolve', `${ALICE}:${port}:127.0.0.1`]
  const shown = ['-w', '\n%{http_version} %{ssl_verify_result} %{http_code}']
  const done = run('curl', [...options, ...shown, `https://${ALICE}:${port}/hello`])
  const { stdout } = await done.catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' ? skip('there is no curl') : Promise.reject(error),
  )
  return stdout
}

describe('a relay with TLS', () => {
  test('serves a preview over HTTP/2 to curl, which checks the certificate', async ({ skip }) => {
    const data = await newFolder()
    const variables = { BRANCHLINE_SELF_SIGNED: 'on', BRANCHLINE_HTTPS_PORT: '0', XDG_DATA_HOME: data }
    const { relay } = await relayTo(await echoApp(), { variables })
    const ca = join(data, 'branchline/authority/localhost/ca.crt')
    const [body, facts] = (await curl(relay.httpsPort ?? 0, ca, skip)).split('\n')
    expect(facts).toBe('2 0 200')
    const { url, headers } = JSON.parse(body as string) as Echo
    expect([url, headers['x-forwarded-proto']]).toEqual(['/hello', 'https'])
  })

  test('a reload presents the new certificate, and a WebSocket stays open', async () => {
    const { endpoint, server } = await appFor((_request, response) => void response.end())
    const sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
    const folder = await newFolder()
    await writePair(folder, 'a', await makeCertificate([ALICE, 'first.test']))
    const variables = { BRANCHLINE_TLS_DIR: folder, BRANCHLINE_HTTPS_PORT: '0' }
    const { relay } = await relayTo(endpoint, { variables })
    const port = relay.httpsPort ?? 0
    const socket = new WebSocket(`wss://${ALICE}:${port}`, {
      rejectUnauthorized: false,
      lookup: (_host, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
    })
    later(() => socket.terminate())
    await once(socket, 'open')
    await writePair(folder, 'a', await makeCertificate([ALICE, 'second.test']))
    await until(async () => (await presented(port, ALICE))?.includes('second.test'))
    socket.send('still here')
    expect(String((await once(socket, 'message'))[0])).toBe('still here')
    const metrics = await (await fetch(`http://127.0.0.1:${relay.adminPort}/metrics`)).text()
    expect(metrics).toMatch(new RegExp(`expiry_timestamp_seconds{certificate="${ALICE}"} \\d`))
  })

  test('redirects and adds HSTS if it is told to', async () => {
    const folder = await newFolder()
    await writePair(folder, 'a', await makeCertificate([ALICE]))
    const { relay } = await relayTo(await echoApp(), {
      variables: {
        BRANCHLINE_TLS_DIR: folder,
        BRANCHLINE_HTTPS_PORT: '0',
        BRANCHLINE_HTTPS_REDIRECT: 'on',
        BRANCHLINE_HSTS_SECONDS: '60',
      },
    })
    const { visit } = await import('../../fixture.ts')
    const moved = await visit(relay.httpPort, { host: ALICE })
    expect([moved.status, moved.headers['location']]).toEqual([308, `https://${ALICE}:${relay.httpsPort}/`])
  })
})
