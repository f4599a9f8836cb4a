import { expect, test } from 'vitest'
import { HttpEngine } from './engine.ts'
import { memoryUpstream, MemoryTransport } from '../proxy/fixture-memory.ts'
import { pipe } from '../transport/pipe.ts'
import { IGNORE, type Transport } from '../transport/transport.ts'
import { until } from '../testing/until.ts'

const LIMITS = { drainMs: 1, drainIdleMs: 1, lingerMs: 2_000 }

/** Collects what arrives at one end. */
function collect(end: MemoryTransport): { text: () => string; closed: () => boolean } {
  let text = ''
  let closed = false
  end.receiver = {
    ...IGNORE,
    onData: (view) => (text += view.toString('latin1')),
    onEnd: () => end.end(),
    onClose: () => (closed = true),
  }
  return { text: () => text, closed: () => closed }
}

/** Responds to each request head with its target, and to each body with its length. */
function respondingTo(end: Transport): void {
  let text = ''
  end.receiver = {
    ...IGNORE,
    onData(view) {
      text += view.toString('latin1')
      for (;;) {
        const found = /^(\w+) (\S+) [^]*?\r\n\r\n/.exec(text)
        if (found === null) return
        const length = Number(/content-length: (\d+)/i.exec(found[0])?.[1] ?? 0)
        const whole = found[0].length + length
        if (text.length < whole) return
        const body = `${found[2]} ${text.slice(found[0].length, whole)}`
        end.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
        text = text.slice(whole)
      }
    },
    onEnd: () => end.end(),
  }
}

const engineTo = (accept: (end: MemoryTransport) => void, piece?: number): HttpEngine => {
  const upstream = memoryUpstream(accept, piece)
  return new HttpEngine({ route: () => ({ candidates: [{ upstream }] }), limits: LIMITS })
}

test.each([1, 2, 7, 1024])(
  'requests pass over streams that are not sockets, in pieces of %d bytes',
  async (piece) => {
    let dialled = 0
    const engine = engineTo((end) => (dialled++, respondingTo(end)), piece)
    const [client, server] = MemoryTransport.pair(piece)
    const got = collect(client)
    engine.serve(server)
    client.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\n')
    client.write('PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello')
    client.write('GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await until(() => got.closed())
    expect(got.text().match(/\/[abc].*?(?=HTTP|$)/g)).toEqual(['/a ', '/b hello', '/c '])
    expect(dialled).toBe(1)
    await engine.stop()
    expect(engine.connections).toBe(0)
  },
)

test('16 MiB pass in both directions at once, and buffers stay within the windows', async () => {
  const SIZE = 16 * 1024 * 1024
  let most = 0
  const engine = engineTo((end) => {
    // An echo that responds while it reads.
    let begun = false
    let rest = ''
    end.receiver = {
      ...IGNORE,
      onData(view) {
        most = Math.max(most, end.pendingBytes)
        if (begun) {
          if (!end.write(view)) end.pause()
          return
        }
        rest += view.toString('latin1')
        const at = rest.indexOf('\r\n\r\n')
        if (at === -1) return
        begun = true
        end.write(`HTTP/1.1 200 OK\r\ncontent-length: ${SIZE}\r\n\r\n${rest.slice(at + 4)}`)
      },
      onDrain: () => end.resume(),
    }
  }, 32_768)
  const [client, server] = MemoryTransport.pair(32_768)
  let received = 0
  let wrong = 0
  let sent = 0
  const block = Buffer.alloc(32_768, 'b')
  const send = (): void => {
    while (sent < SIZE) {
      sent += block.length
      if (!client.write(block)) return
    }
  }
  client.receiver = {
    ...IGNORE,
    onData(view) {
      received += view.length
      if (received > 65_536 && view.some((byte) => byte !== 0x62)) wrong++
    },
    onDrain: send,
  }
  engine.serve(server)
  client.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${SIZE}\r\n\r\n`)
  send()
  await until(() => received > SIZE)
  expect(wrong).toBe(0)
  expect(most).toBeLessThan(256 * 1024)
  await engine.stop()
})

test('an upstream that closes early causes a 502; within a body, an end before its length', async () => {
  const engine = engineTo((end) => {
    end.receiver = {
      ...IGNORE,
      onData(view) {
        if (view.includes('/half')) end.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal')
        setImmediate(() => setImmediate(() => end.destroy(new Error('gone'))))
      },
    }
  })
  const [client, server] = MemoryTransport.pair()
  const got = collect(client)
  engine.serve(server)
  client.write('GET /none HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => got.text().includes('\r\n\r\n'))
  expect(got.text()).toMatch(/^HTTP\/1\.1 502 /)
  client.write('GET /half HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => got.closed())
  expect(got.text()).toMatch(/\r\n\r\nhal$/)
  await engine.stop()
})

test('a pipe between two such streams: ends and aborts pass', async () => {
  const [a, b] = MemoryTransport.pair()
  const [c, d] = MemoryTransport.pair()
  pipe(b, c)
  const [left, right] = [collect(a), collect(d)]
  a.write('to the right')
  d.write('to the left')
  a.end()
  await until(() => left.closed() && right.closed())
  expect([left.text(), right.text()]).toEqual(['to the left', 'to the right'])
})
