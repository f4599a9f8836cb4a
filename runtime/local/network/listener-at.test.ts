import { createServer } from 'node:net'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { listenerAt, socketsAt } from './listener-at.ts'

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const row = (local: string, state: string, inode: number): string =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0000 100 0 0 10 0\n`

test('finds sockets that listen on the address or on all addresses, in both families', () => {
  const tables =
    HEAD +
    row('0100007F:1F90', '0A', 1) +
    row('0200007F:1F90', '0A', 2) +
    row('0100007F:1F91', '0A', 3) +
    row('0100007F:1F90', '01', 4) +
    row('00000000:1F90', '0A', 5) +
    row('00000000000000000000000000000000:1F90', '0A', 6) +
    row('0000000000000000FFFF00000100007F:1F90', '0A', 7)
  expect([...socketsAt(tables, '127.0.0.1', 8080)]).toEqual([1, 5, 6, 7].map((inode) => `socket:[${inode}]`))
})

test.skipIf(process.platform !== 'linux')('names the process that listens', async () => {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as { port: number }
  expect(listenerAt('127.0.0.1', port)).toMatch(new RegExp(`^\\S.* \\(process ${process.pid}\\)$`))
  server.close()
  await once(server, 'close')
  expect(listenerAt('127.0.0.1', port)).toBeUndefined()
})
