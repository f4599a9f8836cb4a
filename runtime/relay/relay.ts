import { rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type AdminServer, serveAdmin } from '../process/admin.ts'
import { CONTENT_TYPE } from '../process/exposition.ts'
import type { Logger } from '../process/log.ts'
import type { Running } from '../process/main.ts'
import { temporaryFolder } from '../process/temporary.ts'
import { urlOf } from '../visitor/host.ts'
import type { RelayConfig } from './config.ts'
import type { RunningCoordinator } from './coordinator/coordinator.ts'
import type { Certificates } from './worker/certificates/certificates.ts'
import type { CircuitSpans } from './worker/circuits/spans.ts'
import type { HttpsOptions } from './worker/frontends/listeners.ts'
import type { CoordinatorLink, RunningWorker } from './worker/options.ts'

/** A running relay, and the ports on which it listens. A role that does not run has port 0. */
export interface RunningRelay extends Running {
  readonly httpPort: number
  /** Undefined if there is no listener with TLS. */
  readonly httpsPort: number | undefined
  readonly tunnelPort: number
  readonly apiPort: number
  readonly adminPort: number
  /** The owner's API key, at the first start alone. */
  readonly ownerKey: string | undefined
}

export interface RelayOptions {
  readonly version: string
  /** The worker has been removed: end the process. */
  readonly onRemoved?: () => void
  /** A worker's second listener of visitors. Default: none. */
  readonly https?: HttpsOptions | undefined
}

/** Runs the roles of a relay. Rejects if a port is in use, or if the database cannot be opened. */
export async function startRelay(
  config: RelayConfig,
  logger: Logger,
  options: RelayOptions = { version: '0.0.0' },
): Promise<RunningRelay> {
  const parts: Running[] = []
  const roles: Roles = {
    state: 'starting',
    coordinator: undefined,
    worker: undefined,
    certificates: undefined,
  }
  const stopAll = async (): Promise<void> => {
    for (const part of parts.toReversed()) await part.stop()
  }
  try {
    // First, because both roles say where their metrics are.
    const admin = await openAdmin(config, roles)
    // Stopped last.
    parts.push({ stop: () => admin.close() })
    const { port: adminPort } = admin
    const coordinator =
      config.role === 'worker' ? undefined : await runCoordinator(config, logger, parts, adminPort)
    roles.coordinator = coordinator
    const { worker, certificates } =
      config.role === 'coordinator'
        ? {}
        : await runWorker(config, logger, { ...options, adminPort }, coordinator, parts)
    Object.assign(roles, { worker, certificates, state: 'running' })
    const ports = {
      httpPort: worker?.httpPort ?? 0,
      httpsPort: worker?.httpsPort,
      tunnelPort: worker?.tunnelPort ?? 0,
      apiPort: coordinator?.apiPort ?? 0,
      adminPort,
    }
    logger.info({ host: config.host, ...ports, role: config.role, domain: config.domain }, 'relay runs')
    return {
      ...ports,
      ownerKey: coordinator?.ownerKey,
      async stop() {
        roles.state = 'stopping'
        await stopAll()
      },
    }
  } catch (error) {
    await stopAll()
    throw error
  }
}

/** What runs in this process. */
interface Roles {
  state: 'starting' | 'running' | 'stopping'
  coordinator: RunningCoordinator | undefined
  worker: RunningWorker | undefined
  certificates: Certificates | undefined
}

const openAdmin = ({ host, adminPort: port }: RelayConfig, roles: Roles): Promise<AdminServer> =>
  serveAdmin({
    hosts: [host],
    port,
    // Without a coordinator, a worker serves what it has.
    notReady: () =>
      roles.state === 'running' ? (roles.worker ?? roles.coordinator)?.notReady() : roles.state,
    metrics: async () => {
      const { worker, certificates, coordinator } = roles
      const texts = [await worker?.metrics(), certificates?.metrics(), await coordinator?.metrics()]
      return { contentType: CONTENT_TYPE, text: texts.join('') }
    },
    dumps: { '/previews': () => roles.worker?.previews() ?? {} },
  })

/** The addresses in use as URLs, for programs that start a relay. `key` is there at the first start alone. */
export function addressesOf({ host }: RelayConfig, relay: RunningRelay): Readonly<Record<string, string>> {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  const { httpPort, httpsPort, apiPort, tunnelPort, ownerKey: key } = relay
  return {
    ...(httpPort > 0 && { http: `http://${reached}:${httpPort}`, tunnel: `ws://${reached}:${tunnelPort}` }),
    ...(httpsPort !== undefined && { https: `https://${reached}:${httpsPort}` }),
    ...(apiPort > 0 && { api: `http://${reached}:${apiPort}` }),
    ...(key !== undefined && { key }),
  }
}

/** The role is loaded only where it runs: a worker needs neither PostgreSQL nor the API. */
async function runCoordinator(
  config: RelayConfig,
  logger: Logger,
  parts: Running[],
  adminPort: number,
): Promise<RunningCoordinator> {
  const { startCoordinator, DEFAULT_COORDINATOR_LIMITS } = await import('./coordinator/coordinator.ts')
  const { databaseUrl, stateDirectory, isDurable, host, apiPort, domain, publicUrl, dialPolicy, limits } =
    config
  const { ownerKey } = config
  const { host: advertised } = config.worker.advertise
  const folder = databaseUrl === undefined ? (stateDirectory ?? temporaryFolder('relay')) : undefined
  // Stopped last.
  if (folder !== undefined && stateDirectory === undefined) parts.push({ stop: () => remove(folder) })
  const coordinator = await startCoordinator({
    location:
      databaseUrl === undefined
        ? {
            folder: postgresFolder(folder as string),
            durable: isDurable && stateDirectory !== undefined,
            templates: join(homedir(), '.cache', 'branchline'),
          }
        : { url: databaseUrl },
    host,
    apiPort,
    limits: DEFAULT_COORDINATOR_LIMITS,
    previewLimits: limits,
    logger,
    domain,
    publicUrl,
    dialPolicy,
    ownerKey,
    joinToken: await config.joinToken(),
    urlOf: (label) => urlOf(label, publicUrl),
    metricsUrl: () => (advertised === undefined ? undefined : metricsUrl(advertised, adminPort)),
    etcd: config.etcd,
  })
  parts.push(coordinator)
  return coordinator
}

/** The folder of the embedded PostgreSQL in a state directory. */
const postgresFolder = (stateDirectory: string): string => join(stateDirectory, 'postgres')

/**
 * Makes a further API key with all rights, in the database of a relay that runs, and returns it. Whoever may do this can
 * read the database anyway. Rejects with BL_RELAY_DATABASE if the database does not respond.
 */
export async function newOwnerKey(
  { databaseUrl, stateDirectory = '' }: RelayConfig,
  logger: Logger,
): Promise<string> {
  const { openRunning } = await import('./coordinator/store/open.ts')
  const { addOwnerKey } = await import('./coordinator/access/given.ts')
  const location =
    databaseUrl === undefined ? { folder: postgresFolder(stateDirectory) } : { url: databaseUrl }
  const { store, close } = openRunning(location, logger)
  try {
    return await addOwnerKey(store)
  } finally {
    await close()
  }
}

const metricsUrl = (host: string, port: number): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`

const remove = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true })

async function runWorker(
  config: RelayConfig,
  logger: Logger,
  { version, onRemoved = () => undefined, https, adminPort }: RelayOptions & { readonly adminPort: number },
  coordinator: RunningCoordinator | undefined,
  parts: Running[],
): Promise<{ readonly worker: RunningWorker; readonly certificates: Certificates | undefined }> {
  const { startWorker } = await import('./worker/worker.ts')
  const link = coordinator === undefined ? await remoteLink(config) : localLink(config, coordinator)
  let running: RunningWorker | undefined
  const serves = (host: string): boolean => running?.serves(host) === true
  const certificates = https === undefined ? await openCertificates(config, logger, serves) : undefined
  // Stopped after the worker.
  if (certificates !== undefined) parts.push(certificates)
  const listener = https ?? (certificates && httpsOptions(config, certificates))
  const spans = await openSpans(config, version, parts)
  const worker = await startWorker({
    config,
    link,
    version,
    logger,
    onRemoved,
    https: listener,
    adminPort,
    spans,
  })
  parts.push(worker)
  running = worker
  certificates?.begin()
  return { worker, certificates }
}

/** Loads OpenTelemetry only if spans are wanted. The last spans are sent after the worker has stopped. */
async function openSpans(
  { tracesUrl, worker, trace }: RelayConfig,
  version: string,
  parts: Running[],
): Promise<CircuitSpans | undefined> {
  if (tracesUrl === undefined) return undefined
  const { startTracer } = await import('../telemetry/opentelemetry.ts')
  const { CircuitSpans } = await import('./worker/circuits/spans.ts')
  const resource = { 'branchline.worker_id': worker.name }
  const tracer = startTracer(tracesUrl, { name: 'branchline-relay', version, resource })
  parts.push(tracer)
  return new CircuitSpans({ tracer, worker: worker.name, trace })
}

async function openCertificates(
  { https, domain }: RelayConfig,
  logger: Logger,
  serves: (host: string) => boolean,
): Promise<Certificates | undefined> {
  if (https === undefined) return undefined
  const { startCertificates } = await import('./worker/certificates/certificates.ts')
  return startCertificates({ config: https.certificates, domain, logger, serves })
}

function httpsOptions({ https }: RelayConfig, certificates: Certificates): HttpsOptions | undefined {
  return (
    https && {
      port: https.port,
      redirect: https.redirect,
      hstsSeconds: https.hstsSeconds,
      secureContextFor: (name) => certificates.secureContextFor(name),
      challengeFor: certificates.challengeFor,
    }
  )
}

/** The URL of the coordinator of this process. No such host exists. */
const HERE = 'http://here.invalid'

/** The worker of a process with both roles reaches its own coordinator without a socket, and others by their URLs. */
function localLink({ coordinators }: RelayConfig, coordinator: RunningCoordinator): CoordinatorLink {
  let credential: Promise<string> | undefined
  return {
    coordinators: [HERE, ...coordinators],
    connect: (url) => (new URL(url).host === new URL(HERE).host ? coordinator.connect() : undefined),
    credential: (facts) => {
      credential ??= coordinator.join(facts).then((joined) => joined.credential)
      credential.catch(() => (credential = undefined))
      return credential
    },
    onUnknown: () => (credential = undefined),
  }
}

async function remoteLink({
  coordinators,
  stateDirectory,
  joinToken,
  limits,
}: RelayConfig): Promise<CoordinatorLink> {
  const { WorkerCredential } = await import('./worker/upstream/join.ts')
  const credential = new WorkerCredential({
    directory: stateDirectory === undefined ? undefined : join(stateDirectory, 'worker'),
    joinToken,
    joinMs: limits.upstream.joinMs,
  })
  return {
    coordinators,
    credential: (facts, url) => credential.get(facts, url),
    onUnknown: () => credential.forget(),
  }
}
