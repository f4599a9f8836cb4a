import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { cleanUp, later, setAside } from './cleanups.ts'
import { DEAD_PORT, freePort, freePorts, listenOn } from './ports.ts'
import { RawClient } from './raw-client.ts'
import { until } from './until.ts'

test('until resolves with the first answer, which may be empty or zero', async () => {
  const answers = [undefined, false, null, 0]
  expect(await until(() => answers.shift())).toBe(0)
  expect(await until(() => Promise.resolve(''))).toBe('')
})

test('until says what it waited for', async () => {
  await expect(until(() => false, 'the end', 1)).rejects.toThrow('not within 1 ms: the end')
  let asked = 0
  const said = until(
    () => (asked++, false),
    () => `asked ${asked} times`,
    0,
  )
  await expect(said).rejects.toThrow(/asked \d+ times/)
})

test('cleanups run the last one first, and once; those set aside run when they are told to', async () => {
  const ran: string[] = []
  later(() => ran.push('server'))
  const stopAll = setAside()
  later(() => ran.push('one'))
  later(() => ran.push('two'))
  await cleanUp()
  await cleanUp()
  expect(ran).toEqual(['two', 'one'])
  await stopAll()
  expect(ran).toEqual(['two', 'one', 'server'])
})

test('a free port stays free until this process listens there', async () => {
  const ports = await freePorts(20)
  // Neither a server at port 0 nor a client gets it: the system takes those from above.
  for (const port of ports) expect(port).toBeLessThan(32_768)
  const servers = ports.map(() => createServer())
  expect(await Promise.all(servers.map((server, index) => listenOn(server, ports[index])))).toEqual(ports)
  expect(ports).not.toContain(await freePort())
  for (const server of servers) server.close()
})

test('free ports differ, and no process listens at the dead one', async () => {
  expect(new Set(await freePorts(8)).size).toBe(8)
  const client = new RawClient(DEAD_PORT)
  await client.ended()
  expect(client.error?.code).toBe('ECONNREFUSED')
})

test('a raw client collects what it gets until the end', async () => {
  const server = createServer((socket) => socket.end('answer'))
  const client = new RawClient(await listenOn(server))
  later(() => server.close())
  expect(await client.ended()).toBe('answer')
  await cleanUp()
})
