import { once } from 'node:events'
import * as net from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { unixUpstream } from './tcp.ts'
import { IGNORE } from './transport.ts'

afterEach(cleanUp)

// A reset exists for TCP only. Node throws for a Unix socket, which once ended the process of an aborted pipe.
test('an abort of a connection to a Unix socket closes it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'branchline-unix-'))
  later(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'app')
  let closed = 0
  const server = net.createServer((socket) => void socket.on('close', () => closed++)).listen(path)
  later(() => server.close())
  await once(server, 'listening')
  const transport = unixUpstream(path).dial()
  const opened = Promise.withResolvers<void>()
  transport.receiver = { ...IGNORE, onOpen: () => opened.resolve() }
  await opened.promise
  transport.destroy(new Error('aborted'))
  await until(() => closed === 1)
  expect(transport.closed).toBe(true)
})
