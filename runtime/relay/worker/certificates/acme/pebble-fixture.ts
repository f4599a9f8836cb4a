import { spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decode, encode, type Answer } from 'dns-packet'
import { openAuthority } from '../../../../authority/authority.ts'
import { later } from '../../../../testing/cleanups.ts'
import { freePorts } from '../../../../testing/ports.ts'
import { until } from '../../../../testing/until.ts'
import { newFolder } from '../fixture.ts'

/** The program of Pebble, Let's Encrypt's test server; undefined if it is not installed. */
export const pebbleProgram = [process.env['BRANCHLINE_PEBBLE'] ?? '', 'pebble'].find(
  (program) => program !== '' && spawnSync(program, ['-version']).error === undefined,
)

/** A running Pebble. */
export interface Pebble {
  /** The URL of its directory. */
  readonly url: string
  /** PEM file of the authority that is trusted for that URL. */
  readonly caFile: string
}

/**
 * Starts Pebble with a DNS server that knows TXT records, and answers 127.0.0.1 for all names. `httpPort` is where it asks
 * for HTTP challenges.
 */
export async function startPebble(
  httpPort: number,
  records: ReadonlyMap<string, string>,
  options: { validitySeconds?: number } = {},
): Promise<Pebble> {
  const folder = await newFolder()
  const authority = await openAuthority(join(folder, 'authority'), 'localhost')
  const { cert, key } = await authority.issue(['localhost', '127.0.0.1'])
  const [port, management, tlsPort] = (await freePorts(3)) as [number, number, number]
  await writeFile(join(folder, 'cert.pem'), cert)
  await writeFile(join(folder, 'key.pem'), key)
  const { validitySeconds: validityPeriod = 7_776_000 } = options
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: join(folder, 'cert.pem'),
    privateKey: join(folder, 'key.pem'),
    httpPort,
    tlsPort,
    retryAfter: { authz: 1, order: 1 },
    profiles: { default: { description: 'default', validityPeriod } },
  }
  await writeFile(join(folder, 'config.json'), JSON.stringify({ pebble }))
  const dnsPort = await serveDns(records)
  const server = ['-config', join(folder, 'config.json'), '-dnsserver', `127.0.0.1:${dnsPort}`]
  const child = spawn(pebbleProgram as string, server, {
    env: { ...process.env, PEBBLE_VA_NOSLEEP: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (log += String(data)))
  later(async () => {
    const exited = once(child, 'exit')
    if (child.exitCode === null && child.kill()) await exited
  })
  await until(
    () => log.includes('Listening on: 127.0.0.1') && log.includes(String(port)),
    () => log,
  )
  return { url: `https://127.0.0.1:${port}/dir`, caFile: authority.file }
}

async function serveDns(records: ReadonlyMap<string, string>): Promise<number> {
  const socket = createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    const { id, questions = [] } = decode(message)
    const answers = questions.flatMap(({ name, type }): Answer[] => {
      if (type === 'A') return [{ type, name, data: '127.0.0.1' }]
      const text = type === 'TXT' ? records.get(name.toLowerCase()) : undefined
      return text === undefined ? [] : [{ type: 'TXT', name, data: text }]
    })
    socket.send(
      encode({ type: 'response', ...(id !== undefined && { id }), questions, answers }),
      port,
      address,
    )
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  later(() => socket.close())
  return socket.address().port
}
