/** Coordinators behind TLS: their certificate is checked before anything is sent. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, setDefaultCACertificates, type TLSSocket } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { IGNORE, type Transport } from '../../../transport/transport.ts'
import { certificateFor, hasOpenssl } from '../frontends/fixture-tls.ts'
import { coordinatorUpstream } from './coordinator-upstream.ts'

afterEach(cleanUp)

/** `opened`, or the code of the error with which the transport closes before that. */
const outcomeOf = (transport: Transport): Promise<string> =>
  new Promise((resolve) => {
    transport.receiver = {
      ...IGNORE,
      onOpen: () => resolve('opened'),
      onClose: (error?: NodeJS.ErrnoException) => resolve(String(error?.code)),
    }
    later(() => transport.destroy())
  })

test.skipIf(!hasOpenssl)(
  'a connection to an https coordinator opens once its certificate is trusted',
  async () => {
    const { cert, context } = certificateFor('localhost')
    const sockets: TLSSocket[] = []
    const server = createServer({ SNICallback: (_name, done) => done(null, context) }, (socket) => {
      sockets.push(socket)
    })
    await once(server.listen(0, 'localhost'), 'listening')
    later(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const url = `https://localhost:${(server.address() as AddressInfo).port}`
    const upstream = coordinatorUpstream(url)
    expect(await outcomeOf(upstream.dial())).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
    setDefaultCACertificates([cert])
    expect(await outcomeOf(upstream.dial())).toBe('opened')
  },
)

test('a coordinator that cannot be reached never opens, so the next one is tried', async () => {
  for (const scheme of ['http', 'https'])
    expect(await outcomeOf(coordinatorUpstream(`${scheme}://127.0.0.1:1`).dial())).toBe('ECONNREFUSED')
})
