import { isIP } from 'node:net'
import { type Inbound, parseInbound } from '@branchline/wire/inbound'
import { parseKeyHeader } from '@branchline/wire/key-header'
import { VARIABLES } from '@branchline/wire/env'
import {
  MANAGER_ROUTES_PORT,
  MANAGER_SERVICE,
  PLATFORM_NAMESPACE,
  ROUTES_PATH,
  SIDECAR_ADMIN_PORT,
} from '@branchline/wire/names'
import { parseEntryDomain } from '@branchline/wire/entry-domain'
import { parsePseudonym } from '../http1/index.ts'
import { VariableReader } from '../process/config.ts'
import { isLoopback } from '../process/local-peer.ts'
import { readSettings } from '../process/settings.ts'
import { ALL_HOSTS, appHostsAt, possibleAppHosts } from './app.ts'
import { readTracesUrl } from '../telemetry/traces-url.ts'
import { type AccessLogMode, parseAccessLog } from './telemetry/access-log.ts'
import { BALANCING, type Balancing } from './route/balance.ts'
import { ADDED_IDS, type AddedId } from './route/id-edits.ts'
import type { SidecarLimits } from './limits.ts'

/** The settings of the sidecar itself, in milliseconds. */
interface OwnSettings {
  /** How long requests wait for an override to return, counted from its first failure. */
  readonly holdTimeoutMs: number
  /** How long readiness waits for a first table. Then the pod serves without one. */
  readonly firstTableTimeoutMs: number
  /** How long a stopping sidecar lets running requests finish. */
  readonly drainTimeoutMs: number
  /** How long a stopping sidecar still accepts connections, until watchers of its endpoint know that it is not ready. */
  readonly drainDelayMs: number
}

/** The configuration of a sidecar. */
export interface SidecarConfig extends OwnSettings {
  /** The addresses to listen on, at least one: all, or the pod's if that is a loopback address. */
  readonly hosts: readonly string[]
  readonly inbound: readonly Inbound[]
  readonly adminPort: number
  /** The addresses on which this pod's app may listen, in the order in which they are tried. At least one. */
  readonly appHosts: readonly string[]
  /** The URL of the manager's WebSocket for route tables, including its path. */
  readonly managerUrl: string
  /** The file with the pod's token. Read again at each connect, because the kubelet rotates the token. */
  readonly tokenFile: string
  /** An additional header that carries the key, in lower case. Undefined if there is none. */
  readonly keyHeader: string | undefined
  /** The domain below which the host of a visitor's request means a key. Undefined: no visitor comes without a relay. */
  readonly entryDomain: string | undefined
  /** The id headers to add to requests for the pod's app if they lack them, so that the app forwards one of them. */
  readonly addedIds: readonly AddedId[]
  /** The name of this hop in Via. Undefined: Via is not added. */
  readonly via: string | undefined
  /** How to choose an endpoint. */
  readonly balancing: Balancing
  /** Which requests to log. */
  readonly accessLog: AccessLogMode
  /** Whether a request may ask for the path that it took. */
  readonly routeExplain: 'allow' | 'deny'
  /** The URL for spans (OTLP over HTTP), including its path. Undefined: no spans are created. */
  readonly tracesUrl: string | undefined
  readonly logLevel: string
  /** Limits of the engines and of waiting, see `runtime/wire/settings/table.ts`. */
  readonly limits: SidecarLimits
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const DEFAULT_MANAGER = `ws://${MANAGER_SERVICE}.${PLATFORM_NAMESPACE}.svc.cluster.local:${MANAGER_ROUTES_PORT}`
const DEFAULT_TOKEN_FILE = '/var/run/secrets/branchline/token'

/** Reads the configuration from a container's variables. Throws a ConfigurationError that names every fault. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): SidecarConfig {
  const read = new VariableReader(environment)
  const { config: own, ...limits } = readSettings(read, 'sidecar')
  const host = read.text('POD_IP', '0.0.0.0')
  const podAddresses = [host, ...(read.parsed('POD_IPS', parseAddresses, '') ?? [])]
  const appHost = read.text(VARIABLES.appHost, '')
  const config: SidecarConfig = {
    // Pods whose addresses are loopback addresses share the machine's network with each other.
    hosts: isLoopback(host) ? [host] : ALL_HOSTS,
    inbound: read.parsed(VARIABLES.inbound, parseRequiredInbound, '') ?? [],
    adminPort: read.port(VARIABLES.adminPort, SIDECAR_ADMIN_PORT),
    appHosts: appHost === '' ? possibleAppHosts(podAddresses) : [appHost],
    managerUrl: read.parsed(VARIABLES.manager, parseManager, DEFAULT_MANAGER) ?? '',
    tokenFile: read.text(VARIABLES.tokenFile, DEFAULT_TOKEN_FILE),
    keyHeader: read.parsed(VARIABLES.header, parseKeyHeader, ''),
    entryDomain: read.parsed(VARIABLES.entryDomain, parseEntryDomain, ''),
    addedIds: read.parsed('BRANCHLINE_ID_HEADERS', parseIds, DEFAULT_IDS) ?? [],
    via: read.parsed('BRANCHLINE_VIA', parsePseudonym, ''),
    balancing: read.choice('BRANCHLINE_BALANCING', BALANCING, 'least-outstanding'),
    accessLog: read.parsed('BRANCHLINE_ACCESS_LOG', parseAccessLog, 'errors') ?? 'errors',
    routeExplain: read.choice(VARIABLES.routeExplain, ['allow', 'deny'], 'allow'),
    tracesUrl: readTracesUrl(read),
    logLevel: read.choice(VARIABLES.logLevel, LEVELS, 'info'),
    ...(own as unknown as OwnSettings),
    limits,
  }
  for (const { appPort } of config.inbound) {
    if (appHostsAt(config, appPort).length === 0) read.fault(`${VARIABLES.inbound}: ${ownPort(appPort)}`)
  }
  read.check()
  return config
}

const ownPort = (port: number): string =>
  `the sidecar itself listens at port ${port}, so that the app cannot: give one of them another port`

function parseAddresses(text: string): string[] {
  const addresses = text.split(',').filter((address) => address !== '')
  const wrong = addresses.find((address) => isIP(address) === 0)
  if (wrong === undefined) return addresses
  throw new RangeError(`${JSON.stringify(wrong)}: wanted IP addresses, with commas, such as 10.0.0.4,fd00::4`)
}

function parseRequiredInbound(line: string): readonly Inbound[] {
  const inbound = parseInbound(line)
  if (inbound.length > 0) return inbound
  throw new RangeError('no inbound port: wanted LISTEN=APP/PROTOCOL, such as 25001=8080/http')
}

/** Google Cloud's header is not a default, because writing its decimal ids is expensive. */
const DEFAULT_IDS = ADDED_IDS.filter((id) => id !== 'x-cloud-trace-context').join(',')

function parseIds(text: string): AddedId[] {
  if (text === 'none') return []
  const names = text
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
  const known = ADDED_IDS.filter((id) => names.includes(id))
  if (known.length === names.length) return known
  throw new RangeError(`${JSON.stringify(text)}: wanted none, or some of ${ADDED_IDS.join(',')}`)
}

function parseManager(text: string): string {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'ws:' && url.protocol !== 'wss:') || url.host === '') {
    throw new RangeError(`${JSON.stringify(text)}: wanted a ws:// or wss:// URL, such as ${DEFAULT_MANAGER}`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new RangeError('wanted a URL without user and password: the token comes from BRANCHLINE_TOKEN_FILE')
  }
  if (url.pathname === '/' || url.pathname === '') url.pathname = ROUTES_PATH
  return url.href
}
