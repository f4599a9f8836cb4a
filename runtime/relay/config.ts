import type { TraceMode } from '../visitor/key-edits.ts'
import { readFile } from 'node:fs/promises'
import { BlockList } from 'node:net'
import { hostname } from 'node:os'
import { isAbsolute } from 'node:path'
import { isKey } from '@branchline/wire/key'
import { parseKeyHeader } from '@branchline/wire/key-header'
import { RELAY_ADMIN_PORT, RELAY_API_PORT, RELAY_HTTP_PORT, RELAY_TUNNEL_PORT } from '@branchline/wire/names'
import { TOKEN_PREFIX } from '@branchline/wire/circuits/tokens'
import { VARIABLES } from '@branchline/wire/env'
import { parsePseudonym } from '../http1/index.ts'
import type { EtcdAddress } from '../etcd/address.ts'
import { VariableReader } from '../process/config.ts'
import { readSettings } from '../process/settings.ts'
import { readTracesUrl } from '../telemetry/traces-url.ts'
import { type Credential, parseCredentials } from './worker/clusters/credentials.ts'
import { DialPolicy } from './dial-policy.ts'
import { type HttpsConfig, readHttpsConfig } from './worker/certificates/config.ts'
import { type OwnerKey, parseGivenToken, parseOwnerKey } from './owner-key.ts'
import { parseRanges } from './ranges.ts'
import { FRONTS_HEADERS, type FrontsHeader } from './worker/frontends/client-address.ts'
import { DEFAULT_RELAY_LIMITS, type RelayLimits, withSettings } from './limits.ts'

/** Whether a request continues the visitor's trace, if it has one, or gets a new one. */
const TRACE_MODES = ['restart', 'keep'] as const satisfies readonly TraceMode[]

/** The roles of a process. */
const ROLES = ['all', 'coordinator', 'worker'] as const

/** A range of ports, both ends included. */
interface PortRange {
  readonly from: number
  readonly to: number
}

/** What a worker says about itself. */
interface WorkerConfig {
  /** BRANCHLINE_WORKER_NAME: unique among workers. Default: the name of the host. */
  readonly name: string
  /** BRANCHLINE_WORKER_GROUP. Default: default. */
  readonly group: string
  /** BRANCHLINE_WORKER_LABELS: `name=value`, with commas. Circuits may select workers by them. Default: none. */
  readonly labels: Readonly<Record<string, string>>
  /** BRANCHLINE_PORTS: the range of ports for circuits, such as 30000-30999. Default: none. */
  readonly ports: PortRange | undefined
  readonly advertise: {
    /** BRANCHLINE_ADVERTISE_HOST: where other workers and clusters reach this worker. Default: POD_IP, if it is set. */
    readonly host: string | undefined
    /** BRANCHLINE_ADVERTISE_TUNNEL: the WebSocket URL at which clusters reach exactly this worker. Default: its own port. */
    readonly tunnel: URL | undefined
  }
  /** BRANCHLINE_MAX_CIRCUITS. Default: 100,000. */
  readonly maxCircuits: number
}

/** The relay's configuration, from its environment variables. */
export interface RelayConfig {
  /** BRANCHLINE_ROLE. Default: all. */
  readonly role: (typeof ROLES)[number]
  /** DATABASE_URL: the PostgreSQL of a coordinator. Default: none, and the coordinator runs its own. Never logged. */
  readonly databaseUrl: string | undefined
  /** BRANCHLINE_API_PORT: the port of a coordinator. Default: 6120. */
  readonly apiPort: number
  /**
   * BRANCHLINE_COORDINATORS: the URLs of coordinators, with commas. A worker tries them in turn. With both roles: those
   * of other processes. Default: none.
   */
  readonly coordinators: readonly string[]
  /**
   * BRANCHLINE_ETCD, BRANCHLINE_ETCD_TLS, BRANCHLINE_ETCD_USER: the etcd over which circuits also reach workers.
   * Default: none.
   */
  readonly etcd: EtcdAddress | undefined
  /**
   * BRANCHLINE_JOIN_TOKEN, or BRANCHLINE_JOIN_TOKEN_FILE: the token with which a worker joins, read for each attempt. A
   * coordinator reads it once, and accepts it from workers. Default: none. Never logged.
   */
  readonly joinToken: () => Promise<string>
  /**
   * BRANCHLINE_OWNER_KEY: the API key with all rights, `blk_…`. `new`: one is made at the first start, and shown once.
   * `none`: none is made (see new-key.ts). Default: new. Never logged.
   */
  readonly ownerKey: OwnerKey
  readonly worker: WorkerConfig
  /** BRANCHLINE_ALLOW_TARGETS: the addresses that circuits may name although they are not public. Default: none. */
  readonly dialPolicy: DialPolicy
  /** BRANCHLINE_DOMAIN: previews are served as `<label>.<domain>`. Default: localhost. */
  readonly domain: string
  /** BRANCHLINE_PUBLIC_URL: the URL at which visitors reach the domain. Default: http://<domain>:<visitors' port>. */
  readonly publicUrl: URL
  /**
   * BRANCHLINE_INDEX: the Unix socket of an HTTP server that answers requests for the domain itself. Default: none, and
   * the relay answers with a page that lists nothing.
   */
  readonly index: string | undefined
  /** BRANCHLINE_RELAY_TOKEN: the credentials of clusters, see {@link parseCredentials}. Never logged. */
  readonly credentials: readonly Credential[]
  /** BRANCHLINE_TRACE. Default: restart. */
  readonly trace: TraceMode
  /** BRANCHLINE_HEADER: an additional header in which sidecars read a key. The relay removes a visitor's. Default: none. */
  readonly header: string | undefined
  /** BRANCHLINE_ROUTE_EXPLAIN: whether visitors may ask for the path that a request took. Default: deny. */
  readonly routeExplain: 'allow' | 'deny'
  /** BRANCHLINE_VIA: the name of the relay in the Via of requests. Default: Via is not added. */
  readonly via: string | undefined
  /** POD_IP: the address to listen on. Default: 0.0.0.0. */
  readonly host: string
  /** BRANCHLINE_HTTP_PORT. Default: 8080. */
  readonly httpPort: number
  /** The listener of visitors with TLS. Undefined: none, because no certificates are configured. */
  readonly https: HttpsConfig | undefined
  /** BRANCHLINE_TUNNEL_PORT. Default: 25090. */
  readonly tunnelPort: number
  /** BRANCHLINE_ADMIN_PORT. Default: 25091. */
  readonly adminPort: number
  /**
   * BRANCHLINE_STATE_DIR: the directory of a coordinator's own PostgreSQL, and of a worker's credential and last table.
   * Only one relay may use it at a time. Default: none, so that nothing of it survives a restart.
   */
  readonly stateDirectory: string | undefined
  /**
   * BRANCHLINE_STATE_DURABLE: whether the coordinator's own PostgreSQL survives a crash of the system. `off` is faster,
   * for a state that is temporary. Default: on.
   */
  readonly isDurable: boolean
  /**
   * BRANCHLINE_FRONTS: addresses and CIDR ranges of proxies in front of the relay, such as an ingress controller. Limits
   * per address do not apply to them, but to the clients that they name. Default: none.
   */
  readonly fronts: BlockList
  /**
   * BRANCHLINE_FRONTS_HEADER: the field in which fronts name their client. They must append to it, or replace it, or visitors
   * could forge it. Default: none, so fronts name no client.
   */
  readonly frontsHeader: FrontsHeader
  /**
   * BRANCHLINE_PROXY_PROTOCOL: addresses and CIDR ranges of load balancers whose connections begin with a header of the
   * PROXY protocol, version 1 or 2. Connections of all others have none. Default: none.
   */
  readonly proxyProtocol: BlockList
  /** The URL for spans (OTLP over HTTP), including its path. Undefined: no spans are created. */
  readonly tracesUrl: string | undefined
  /** LOG_LEVEL. Default: info. */
  readonly logLevel: string
  /**
   * BRANCHLINE_CONNECTIONS, BRANCHLINE_CONNECTIONS_PER_ADDRESS, BRANCHLINE_REQUESTS_PER_ADDRESS,
   * BRANCHLINE_REQUESTS_PER_PREVIEW, BRANCHLINE_KEPT_TOTAL_BYTES. The defaults of the first and the last fit the container
   * (runtime/process/memory.ts).
   */
  readonly limits: RelayLimits
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** Reads the whole configuration. Throws a ConfigurationError that names every fault. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): RelayConfig {
  const read = new VariableReader(environment)
  const domain = read.parsed(VARIABLES.domain, parseDomain, 'localhost') ?? ''
  const httpPort = read.port('BRANCHLINE_HTTP_PORT', RELAY_HTTP_PORT)
  const ownUrl = `http://${domain === '' ? 'localhost' : domain}:${httpPort}`
  const publicUrl = read.parsed(VARIABLES.publicUrl, parsePublicUrl, ownUrl)
  const role = read.choice(VARIABLES.role, ROLES, 'all')
  const host = read.text('POD_IP', '0.0.0.0')
  const coordinators = read.parsed(VARIABLES.coordinators, parseUrls, '') ?? []
  // A worker presents what it has, and the coordinator judges it. A coordinator accepts only what cannot be guessed.
  const parseToken = (text: string): string =>
    role === 'worker' || text === '' ? text : parseGivenToken(text, TOKEN_PREFIX.join)
  const token = read.parsed(VARIABLES.joinToken, parseToken, '') ?? ''
  const tokenFile = read.text(VARIABLES.joinTokenFile, '')
  if (role === 'worker' && coordinators.length === 0)
    read.fault(
      `${VARIABLES.coordinators} is missing: set it to the URL of a coordinator, such as http://relay:6120`,
    )
  const config: RelayConfig = {
    role,
    databaseUrl: read.parsed(VARIABLES.databaseUrl, parseDatabase, ''),
    apiPort: read.port(VARIABLES.apiPort, RELAY_API_PORT),
    coordinators,
    etcd: readEtcd(read),
    joinToken: async () =>
      tokenFile === '' ? token : parseToken((await readFile(tokenFile, 'utf8')).trim()),
    ownerKey: read.parsed(VARIABLES.ownerKey, parseOwnerKey, 'new') ?? 'new',
    worker: readWorker(read, host),
    dialPolicy: read.parsed(VARIABLES.allowTargets, (text) => new DialPolicy([text]), '') ?? new DialPolicy(),
    domain,
    httpPort,
    publicUrl: publicUrl ?? new URL('http://localhost'),
    index: read.parsed(VARIABLES.index, parseSocket, ''),
    credentials:
      role === 'coordinator' ? [] : (read.parsed(VARIABLES.relayToken, parseCredentials, '') ?? []),
    trace: read.choice('BRANCHLINE_TRACE', TRACE_MODES, 'restart'),
    header: read.parsed(VARIABLES.header, parseKeyHeader, ''),
    routeExplain: read.choice(VARIABLES.routeExplain, ['allow', 'deny'], 'deny'),
    via: read.parsed('BRANCHLINE_VIA', parsePseudonym, ''),
    host,
    https: readHttpsConfig(read),
    tunnelPort: read.port('BRANCHLINE_TUNNEL_PORT', RELAY_TUNNEL_PORT),
    adminPort: read.port(VARIABLES.adminPort, RELAY_ADMIN_PORT),
    stateDirectory: read.text(VARIABLES.stateDirectory, '') || undefined,
    isDurable: read.choice(VARIABLES.stateDurable, ['on', 'off'], 'on') === 'on',
    tracesUrl: readTracesUrl(read),
    logLevel: read.choice(VARIABLES.logLevel, LEVELS, 'info'),
    fronts: read.parsed('BRANCHLINE_FRONTS', parseRanges, '') ?? new BlockList(),
    frontsHeader: read.choice('BRANCHLINE_FRONTS_HEADER', FRONTS_HEADERS, 'none'),
    proxyProtocol: read.parsed('BRANCHLINE_PROXY_PROTOCOL', parseRanges, '') ?? new BlockList(),
    limits: withSettings(DEFAULT_RELAY_LIMITS, readSettings(read, 'relay')),
  }
  read.check()
  return config
}

function readEtcd(read: VariableReader): EtcdAddress | undefined {
  const endpoints = read.parsed(VARIABLES.etcd, parseUrls, '') ?? []
  const tlsFolder = read.text(VARIABLES.etcdTls, '') || undefined
  const userFolder = read.text(VARIABLES.etcdUser, '') || undefined
  return endpoints.length === 0 ? undefined : { endpoints, tlsFolder, userFolder }
}

function readWorker(read: VariableReader, host: string): WorkerConfig {
  const name = hostname()
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .slice(0, 63)
  const own = isName(name) ? name : 'worker'
  const advertised = read.text(VARIABLES.advertiseHost, '') || (isUnspecified(host) ? '' : host)
  return {
    name: read.parsed(VARIABLES.workerName, (text) => (text === '' ? own : parseName(text)), '') ?? '',
    group: read.parsed(VARIABLES.workerGroup, parseName, 'default') ?? '',
    labels: read.parsed(VARIABLES.workerLabels, parseLabels, '') ?? {},
    ports: read.parsed(VARIABLES.ports, parsePorts, ''),
    advertise: {
      host: advertised || undefined,
      tunnel: read.parsed(VARIABLES.advertiseTunnel, parseTunnel, ''),
    },
    maxCircuits: read.integer('BRANCHLINE_MAX_CIRCUITS', 100_000, { min: 1, max: 1_000_000 }),
  }
}

const isUnspecified = (host: string): boolean => host === '0.0.0.0' || host === '::'

const isName = (text: string): boolean => /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(text)

function parseName(text: string): string {
  if (isName(text)) return text
  throw new RangeError(
    `${JSON.stringify(text)}: wanted at most 63 letters, digits and . _ - between letters or digits`,
  )
}

function parseLabels(text: string): Record<string, string> {
  const entries = text.split(',').filter((entry) => entry.trim() !== '')
  return Object.fromEntries(
    entries.map((entry) => {
      const [, name, value] = /^\s*([a-z0-9A-Z./_-]{1,253})=([A-Za-z0-9._-]{0,63})\s*$/.exec(entry) ?? []
      if (name !== undefined && value !== undefined) return [name, value]
      throw new RangeError(`${JSON.stringify(entry)} is not a label: wanted name=value`)
    }),
  )
}

function parsePorts(text: string): PortRange | undefined {
  if (text === '') return undefined
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? []
  const from = Number(first)
  const to = Number(last ?? first)
  if (from >= 1 && from <= to && to <= 65_535) return { from, to }
  throw new RangeError(`${JSON.stringify(text)} is not a range of ports: wanted one such as 30000-30999`)
}

function parseUrls(text: string): string[] {
  const urls = text.split(',').flatMap((url) => url.trim() || [])
  const wrong = urls.find((url) => !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
  if (wrong === undefined) return urls
  throw new RangeError(
    `${JSON.stringify(wrong)}: wanted http:// or https:// with a host, such as http://relay:6120`,
  )
}

function parseTunnel(text: string): URL | undefined {
  if (text === '') return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && /^wss?:$/.test(url.protocol)) return url
  throw new RangeError(`${JSON.stringify(text)}: wanted ws:// or wss:// with a host`)
}

/** The text is not repeated: it contains a password. */
function parseDatabase(text: string): string | undefined {
  if (text === '' || /^postgres(ql)?:\/\//.test(text)) return text || undefined
  throw new RangeError('wanted postgres:// with a host and a database')
}

function parseDomain(text: string): string {
  const domain = text.toLowerCase().replace(/\.$/, '')
  if (domain.length <= 253 - 64 && domain.split('.').every(isKey)) return domain
  throw new RangeError(
    `${JSON.stringify(text)} is not a domain: wanted DNS labels with dots, such as preview.example.com`,
  )
}

function parseSocket(text: string): string | undefined {
  if (text === '' || isAbsolute(text)) return text || undefined
  throw new RangeError(`${JSON.stringify(text)} is not the absolute path of a Unix socket`)
}

function parsePublicUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '')
    return url
  throw new RangeError(
    `${JSON.stringify(text)}: wanted http:// or https:// with a host, such as https://preview.example.com`,
  )
}
