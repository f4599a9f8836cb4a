/** Every close code of wire/SPEC.md, section 5, that a relay sends on the WebSocket of a cluster. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { TUNNEL_PATH } from '@branchline/wire/names'
import { encodeControl, encodeFrame, encodeWindow, FRAME_TYPES } from '@branchline/wire/tunnel/frame'
import { CLOSE_CODES, MAX_WINDOW, TUNNEL_SUBPROTOCOL } from '@branchline/wire/tunnel/limits'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { BOUND_TOKEN, relayFor, TOKEN, visit } from '../../fixture.ts'
import { previewOf } from '../../fixture-cluster.ts'
import type { RelayLimits } from '../../limits.ts'
import type { RunningRelay } from '../../relay.ts'
import { cleanUp } from '../../../testing/cleanups.ts'

afterEach(cleanUp)

const register = (cluster: string, instance = 'a'): Buffer =>
  encodeControl({ type: 'register', cluster, instance, previews: [previewOf('alice')] })

async function connect(relay: RunningRelay, token = TOKEN): Promise<WebSocket> {
  const headers = { authorization: `Bearer ${token}` }
  const url = `ws://127.0.0.1:${relay.tunnelPort}${TUNNEL_PATH}`
  const socket = new WebSocket(url, TUNNEL_SUBPROTOCOL, { headers })
  socket.on('error', () => {})
  await once(socket, 'open')
  return socket
}

/** Twice the maximum credit of a stream's direction. */
async function grantTooMuch(relay: RunningRelay, socket: WebSocket): Promise<void> {
  socket.send(register('dev'))
  await once(socket, 'message')
  visit(relay.httpPort, { host: 'web--alice.localhost' }).catch(() => {})
  const [open] = (await once(socket, 'message')) as [Buffer]
  expect(open[0]).toBe(FRAME_TYPES.open)
  const stream = open.readUInt32BE(4)
  socket.send(encodeFrame('accept', stream))
  socket.send(Buffer.concat([encodeWindow(stream, MAX_WINDOW), encodeWindow(stream, MAX_WINDOW)]))
}

interface Case {
  readonly code: number
  readonly limits?: Partial<RelayLimits>
  readonly token?: string
  /** Makes the relay close the connection. */
  readonly act: (relay: RunningRelay, socket: WebSocket) => unknown
}

const CASES: Readonly<Record<string, Case>> = {
  'the relay stops': { code: 1000, act: (relay) => relay.stop() },
  'a message that is too large': { code: 1009, act: (_, socket) => socket.send(Buffer.alloc(5_000_000)) },
  'a frame that is not of the protocol': { code: 4002, act: (_, socket) => socket.send(Buffer.alloc(8)) },
  'more credit than there may be': { code: 4003, act: grantTooMuch },
  'no timely registration': { code: 4004, limits: { registerMs: 20 }, act: () => undefined },
  'another connection of the cluster and instance': {
    code: 4005,
    act: async (relay, socket) => {
      socket.send(register('dev'))
      await once(socket, 'message')
      ;(await connect(relay)).send(register('dev'))
    },
  },
  'the credential of another cluster': {
    code: 4006,
    token: BOUND_TOKEN,
    act: (_, socket) => socket.send(register('dev')),
  },
  'one connection too many': {
    code: 4007,
    limits: { clusterLinks: 1 },
    act: async (relay, socket) => {
      const first = await connect(relay)
      first.send(register('dev', 'b'))
      await once(first, 'message')
      socket.send(register('dev'))
    },
  },
  'one cluster too many': {
    code: 4007,
    limits: { clusters: 1 },
    act: async (relay, socket) => {
      const first = await connect(relay)
      first.send(register('other'))
      await once(first, 'message')
      socket.send(register('dev'))
    },
  },
}

test.each(Object.entries(CASES))('%s', async (_what, { code, limits, token, act }) => {
  const relay = await relayFor({}, limits)
  const socket = await connect(relay, token)
  const closed = once(socket, 'close')
  await act(relay, socket)
  expect((await closed)[0]).toBe(code)
})

test('these are exactly the codes of the specification', async () => {
  const spec = await readFile(new URL('../../../wire/SPEC.md', import.meta.url), 'utf8')
  const [, section = ''] = /## 5\. The tunnel\n([^]*?)\n## 6\./.exec(spec) ?? []
  const [, sentence = ''] = /\*\*Close codes\.\*\* (.*)/.exec(section) ?? []
  const listed = [...sentence.matchAll(/\b[14]0\d\d\b/g)].map(([code]) => Number(code))
  const tested = [...new Set(Object.values(CASES).map(({ code }) => code))]
  expect(listed).toEqual(tested)
  expect(listed.filter((code) => code >= 4000)).toEqual(Object.values(CLOSE_CODES))
})
