import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import * as net from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../../testing/cleanups.ts'
import { SLOW } from './slow.ts'

const GIB = 1024 ** 3
const BLOCK = Buffer.alloc(256 * 1024, 'branchline')
/** Memory that a body may add to the process that forwards it. */
const MOST_MB = 40

afterEach(cleanUp)

const residentMb = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024

/**
 * Writes this many bytes as fast as the socket accepts them; if `chunked`, one chunk per block. It sends the last of
 * them when the condition holds.
 */
async function pump(
  socket: net.Socket,
  byteCount: number,
  chunked: boolean,
  mayEnd: () => boolean = () => true,
): Promise<void> {
  const frame = Buffer.concat([Buffer.from(`${BLOCK.length.toString(16)}\r\n`), BLOCK, Buffer.from('\r\n')])
  for (let left = byteCount; left > 0; left -= BLOCK.length) {
    while (left <= BLOCK.length && !mayEnd()) await new Promise((resolve) => setTimeout(resolve, 10))
    if (!socket.write(chunked ? frame : BLOCK)) await once(socket, 'drain')
  }
  if (chunked) socket.write('0\r\n\r\n')
}

/** Counts the bytes after the head of the one message on a socket, and slows down on request. */
function count(socket: net.Socket, slow: boolean, onHead: () => void = () => {}): { byteCount: number } {
  const counted = { byteCount: 0 }
  let head = ''
  socket.on('data', (data) => {
    if (head.includes('\r\n\r\n')) counted.byteCount += data.length
    else {
      head += data.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end === -1) return
      counted.byteCount = head.length - end - 4
      onHead()
    }
    if (!slow || counted.byteCount % 64 !== 0) return
    socket.pause()
    setImmediate(() => socket.resume())
  })
  return counted
}

/** An upstream that reads everything and sends as much at the same time, and a hop in a process of its own. */
async function start(chunked: boolean): Promise<{ port: number; pid: number; received: () => number }> {
  let received = { byteCount: 0 }
  const server = net.createServer((socket) => {
    later(() => socket.destroy())
    received = count(socket, true, () => {
      socket.write(
        `HTTP/1.1 200 OK\r\n${chunked ? 'transfer-encoding: chunked' : `content-length: ${GIB}`}\r\n\r\n`,
      )
      // A response that is complete before its request ends the connection.
      void pump(socket, GIB, chunked, () => received.byteCount >= GIB)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hop.ts'), String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  later(() => server.close())
  later(() => child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { port: Number(line), pid: child.pid as number, received: () => received.byteCount }
}

for (const framing of ['length', 'chunks'] as const) {
  test.skipIf(!SLOW || process.platform !== 'linux')(
    `1 GiB up and 1 GiB down at once by ${framing}, with bounded memory`,
    async () => {
      const chunked = framing === 'chunks'
      const { port, pid, received } = await start(chunked)
      const before = residentMb(pid)
      const client = net.connect({ port, host: '127.0.0.1' })
      later(() => client.destroy())
      const response = count(client, true)
      client.write(
        `POST / HTTP/1.1\r\nhost: x\r\n${chunked ? 'transfer-encoding: chunked' : `content-length: ${GIB}`}\r\n\r\n`,
      )
      await pump(client, GIB, chunked)
      await expect
        .poll(() => Math.min(received(), response.byteCount), { timeout: 300_000 })
        .toBeGreaterThanOrEqual(GIB)
      expect(residentMb(pid) - before).toBeLessThan(MOST_MB)
    },
  )
}
