import { once } from 'node:events'
import * as net from 'node:net'
import { onTestFinished, expect, test } from 'vitest'
import { Reach } from './reach.ts'
import { tcpUpstream } from './tcp.ts'
import { IGNORE, type Transport, type Upstream } from './transport.ts'

/** tcpmux: no process listens there. */
const CLOSED = tcpUpstream('127.0.0.1', 1)

async function openUpstream(): Promise<Upstream> {
  const server = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return tcpUpstream('127.0.0.1', (server.address() as net.AddressInfo).port)
}

/** An upstream that never accepts a connection. */
function silentUpstream(onDestroy: () => void): Upstream {
  const dial = (): Transport => {
    const transport = {
      receiver: IGNORE,
      opened: false,
      closed: false,
      stable: true,
      pendingBytes: 0,
      remoteAddress: undefined,
      write: () => true,
      writeBoth: () => true,
      pause: () => {},
      resume: () => {},
      end: () => {},
      destroy(error?: Error) {
        onDestroy()
        setImmediate(() => transport.receiver.onClose(error))
      },
    }
    return transport
  }
  return { key: 'silent', dial }
}

function reach(upstreams: readonly Upstream[], connectMs = 3_000) {
  const events: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const dial = new Reach(upstreams, connectMs, {
    accepted: ({ key }) => events.push(`accepted ${key}`),
    refused: ({ key }) => events.push(`refused ${key}`),
    reached: (transport, failed) => {
      transport.destroy()
      events.push(`reached after ${failed}`)
      resolve()
    },
    unreachable: (tried) => {
      events.push(`unreachable after ${tried}`)
      resolve()
    },
  })
  return { dial, events, done: promise }
}

test('upstreams are tried in order until one accepts the connection', async () => {
  const open = await openUpstream()
  const { dial, events, done } = reach([CLOSED, open, CLOSED])
  await done
  expect(events).toEqual([`refused ${CLOSED.key}`, `accepted ${open.key}`, 'reached after 1'])
  expect(dial.over).toBe(true)
})

test('an upstream that does not accept in time gives way to the next one', async () => {
  let destroyed = 0
  const open = await openUpstream()
  const { events, done } = reach([silentUpstream(() => destroyed++), open], 10)
  await done
  expect(events.slice(0, 1)).toEqual(['refused silent'])
  expect(destroyed).toBe(1)
})

test('without an upstream that accepts, the listener learns how many were tried', async () => {
  const { events, done } = reach([CLOSED, CLOSED])
  await done
  expect(events.at(-1)).toBe('unreachable after 2')
  expect(reach([]).events).toEqual(['unreachable after 0'])
})

test('a cancelled dial ends its connection and calls nothing back', async () => {
  const { promise: destroyed, resolve } = Promise.withResolvers<void>()
  const { dial, events } = reach([silentUpstream(resolve), CLOSED])
  dial.cancel()
  await destroyed
  await new Promise((turn) => setImmediate(() => setImmediate(turn)))
  expect(events).toEqual([])
})
