import { randomUUID } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { createLogger } from '@branchline/runtime/process/log'
import type { RelayConfig } from '@branchline/runtime/relay/config'
import type { StoreLocation } from '@branchline/runtime/relay/coordinator/store/open'
import { type Attempt, attempt } from '../../check/cluster-result.ts'
import { systemSentence } from '../../output/system-errors.ts'

/** How long one answer may take, in milliseconds. */
const ANSWER_MS = 5_000
/** The most ports of a range that are tried. */
const MOST_PORTS = 1_000

/** A port of the relay. */
export interface PortFact {
  /** Such as `visitors`. */
  readonly what: string
  /** The option that chooses it. */
  readonly option: string
  readonly port: number
  /** Why it is not free. */
  readonly problem?: string
}

interface DatabaseFact {
  readonly version: string
  readonly pending: readonly string[]
  /** Applied migrations that this version does not know. */
  readonly unknown: readonly string[]
  /** How far its clock is ahead of ours, in milliseconds. */
  readonly aheadMs: number
}

export interface CertificateFact {
  readonly names: readonly string[]
  readonly validTo: string
  /** Why clients do not trust it. */
  readonly problem?: string
}

/** What `relay check` reads. */
export interface RelayFacts {
  readonly role: RelayConfig['role']
  readonly domain: string
  /** Absent: a worker has none, or a new relay will create it. */
  readonly database?: Attempt<DatabaseFact>
  readonly isEmbedded: boolean
  readonly ports: readonly PortFact[]
  /** Whether a relay answers at the API port, so that its ports are not free. */
  readonly isRunning: boolean
  readonly host: string
  readonly addresses: Attempt<readonly string[]>
  /** Absent if visitors use no TLS. */
  readonly certificate?: Attempt<CertificateFact>
  readonly coordinators: readonly {
    readonly url: string
    readonly answer: Attempt<{ readonly aheadMs: number }>
  }[]
}

/** Reads what a relay with this configuration depends on. */
export async function relayFacts(config: RelayConfig): Promise<RelayFacts> {
  const { role, domain, databaseUrl, stateDirectory, publicUrl } = config
  const host = `check-${randomUUID().slice(0, 8)}.${domain}`
  const location = locationOf(databaseUrl, stateDirectory)
  const [database, isRunning, addresses, certificate, coordinators] = await Promise.all([
    role === 'worker' || location === undefined ? undefined : attempt(() => readDatabase(location)),
    role === 'worker' ? false : answersAt(config.apiPort),
    attempt(() => addressesOf(host)),
    publicUrl.protocol === 'https:' ? attempt(() => readCertificate(publicUrl, host)) : undefined,
    Promise.all(
      config.coordinators.map(async (url) => ({ url, answer: await attempt(() => readClock(url)) })),
    ),
  ])
  return {
    role,
    domain,
    ...(database !== undefined && { database }),
    isEmbedded: databaseUrl === undefined,
    ports: isRunning ? [] : await tryPorts(config),
    isRunning,
    host,
    addresses,
    ...(certificate !== undefined && { certificate }),
    coordinators,
  }
}

function locationOf(url: string | undefined, state: string | undefined): StoreLocation | undefined {
  if (url !== undefined) return { url }
  // A check creates nothing.
  if (state === undefined || !existsSync(join(state, 'postgres', 'data'))) return undefined
  return { folder: join(state, 'postgres') }
}

async function readDatabase(location: StoreLocation): Promise<DatabaseFact> {
  const { useDatabase } = await import('@branchline/runtime/relay/coordinator/store/use-database')
  const { readFacts } = await import('@branchline/runtime/relay/coordinator/store/facts')
  return useDatabase(location, createLogger('relay', 'silent'), ({ address }) => readFacts(address))
}

async function answersAt(port: number): Promise<boolean> {
  try {
    const url = `http://127.0.0.1:${port}/health/live`
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) })
    return response.ok && ((await response.json()) as { status?: unknown }).status === 'ok'
  } catch {
    return false
  }
}

async function addressesOf(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true })
  return found.map(({ address }) => address)
}

async function tryPorts(config: RelayConfig): Promise<PortFact[]> {
  const { role, host, httpPort, apiPort, tunnelPort, worker } = config
  const api = { what: 'API', option: '--api', port: apiPort }
  const ofWorker = [
    { what: 'visitors', option: '--http', port: httpPort },
    { what: 'clusters', option: '--tunnel', port: tunnelPort },
  ]
  const single = [...(role === 'worker' ? [] : [api]), ...(role === 'coordinator' ? [] : ofWorker)]
  const { from, to } = worker.ports ?? { from: 1, to: 0 }
  const count = role === 'coordinator' ? 0 : Math.min(MOST_PORTS, to - from + 1)
  const range = Array.from({ length: count }, (_, index) => ({
    what: 'circuits',
    option: '--ports',
    port: from + index,
  }))
  const all: PortFact[] = []
  for (const one of [...single, ...range]) all.push({ ...one, ...(await problemOf(one.port, host)) })
  return all
}

async function problemOf(port: number, host: string): Promise<{ problem?: string }> {
  const server = createServer()
  try {
    await once(server.listen(port, host), 'listening')
    await new Promise((resolve) => server.close(resolve))
    return {}
  } catch (error) {
    return { problem: systemSentence(error) ?? (error as Error).message }
  }
}

async function readCertificate(url: URL, servername: string): Promise<CertificateFact> {
  const port = Number(url.port || 443)
  // Whether it is trusted is a result, not a condition.
  const socket = connect({ host: url.hostname, port, servername, rejectUnauthorized: false })
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(ANSWER_MS) })
    const { valid_to: validTo, subjectaltname = '' } = socket.getPeerCertificate()
    const names = [...subjectaltname.matchAll(/DNS:([^,\s]+)/g)].map(([, name = '']) => name)
    const problem = socket.authorized ? undefined : String(socket.authorizationError)
    return { names, validTo, ...(problem !== undefined && { problem }) }
  } finally {
    socket.destroy()
  }
}

async function readClock(url: string): Promise<{ aheadMs: number }> {
  const before = Date.now()
  const response = await fetch(new URL('/health/live', url), { signal: AbortSignal.timeout(ANSWER_MS) })
  const date = Date.parse(response.headers.get('date') ?? '')
  if (!response.ok || Number.isNaN(date)) throw new Error(`it is no coordinator: status ${response.status}`)
  // The header has whole seconds.
  return { aheadMs: date + 500 - (before + Date.now()) / 2 }
}
