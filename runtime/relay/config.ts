import type { TraceMode } from '../visitor/key-edits.ts'
import { BlockList } from 'node:net'
import { isAbsolute } from 'node:path'
import { isKey } from '@branchline/wire/key'
import { parseKeyHeader } from '@branchline/wire/key-header'
import { RELAY_ADMIN_PORT, RELAY_HTTP_PORT, RELAY_TUNNEL_PORT } from '@branchline/wire/names'
import { VARIABLES } from '@branchline/wire/env'
import { parsePseudonym } from '../http1/index.ts'
import { VariableReader } from '../process/config.ts'
import { readSettings } from '../process/settings.ts'
import { type Credential, parseCredentials } from './worker/clusters/credentials.ts'
import { parseRanges } from './ranges.ts'
import { DEFAULT_RELAY_LIMITS, type RelayLimits, withSettings } from './limits.ts'

/** Whether a request continues the visitor's trace, if it has one, or gets a new one. */
const TRACE_MODES = ['restart', 'keep'] as const satisfies readonly TraceMode[]

/** The relay's configuration, from its environment variables. */
export interface RelayConfig {
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
  /** BRANCHLINE_TUNNEL_PORT. Default: 25090. */
  readonly tunnelPort: number
  /** BRANCHLINE_ADMIN_PORT. Default: 25091. */
  readonly adminPort: number
  /**
   * BRANCHLINE_STATE_DIR: the directory in which the relay stores which cluster owns which label. Only one relay may
   * use it at a time. Default: none, so that after a restart the first cluster that registers a label gets it.
   */
  readonly stateDirectory: string | undefined
  /**
   * BRANCHLINE_FRONTS: addresses and CIDR ranges of proxies in front of the relay, such as an ingress controller. Limits
   * per address do not apply to them. Default: none.
   */
  readonly fronts: BlockList
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
  const config: RelayConfig = {
    domain,
    httpPort,
    publicUrl: publicUrl ?? new URL('http://localhost'),
    index: read.parsed(VARIABLES.index, parseSocket, ''),
    credentials: read.parsed(VARIABLES.relayToken, parseCredentials, '') ?? [],
    trace: read.choice('BRANCHLINE_TRACE', TRACE_MODES, 'restart'),
    header: read.parsed(VARIABLES.header, parseKeyHeader, ''),
    routeExplain: read.choice(VARIABLES.routeExplain, ['allow', 'deny'], 'deny'),
    via: read.parsed('BRANCHLINE_VIA', parsePseudonym, ''),
    host: read.text('POD_IP', '0.0.0.0'),
    tunnelPort: read.port('BRANCHLINE_TUNNEL_PORT', RELAY_TUNNEL_PORT),
    adminPort: read.port(VARIABLES.adminPort, RELAY_ADMIN_PORT),
    stateDirectory: read.text(VARIABLES.stateDirectory, '') || undefined,
    logLevel: read.choice(VARIABLES.logLevel, LEVELS, 'info'),
    fronts: read.parsed('BRANCHLINE_FRONTS', parseRanges, '') ?? new BlockList(),
    limits: withSettings(DEFAULT_RELAY_LIMITS, readSettings(read, 'relay')),
  }
  read.check()
  return config
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
