import { MANAGER_ADMIN_PORT, MANAGER_ROUTES_PORT, PLATFORM_NAMESPACE } from '@branchline/wire/names'
import { VARIABLES } from '@branchline/wire/env'
import { VariableReader } from '../process/config.ts'
import { DEFAULT_PUSH_LIMITS, type PushLimits } from './push/limits.ts'

/** The kinds of API through which the manager watches its cluster. */
const SOURCES = ['local', 'kubernetes'] as const
type SourceName = (typeof SOURCES)[number]

/** The manager's configuration, from its environment variables. */
export interface ManagerConfig {
  /** BRANCHLINE_SOURCE. Default: kubernetes. */
  readonly source: SourceName
  /** BRANCHLINE_LOCAL_API: the embedded cluster's socket, for the source `local`. */
  readonly localApi: string
  /** BRANCHLINE_CLUSTER: this cluster's name at the relay. Default: default. */
  readonly cluster: string
  /** BRANCHLINE_RELAY: the relay's tunnel, ws:// or wss://. Default: none, and no preview is registered. */
  readonly relay: URL | undefined
  /** BRANCHLINE_RELAY_TOKEN: the cluster's credential at the relay. Never logged. */
  readonly relayToken: string
  /** POD_IP: the address to listen on. Default: 0.0.0.0. */
  readonly host: string
  /** BRANCHLINE_ROUTES_PORT. Default: 25080. */
  readonly routesPort: number
  /** BRANCHLINE_ADMIN_PORT. Default: 25081. */
  readonly adminPort: number
  /** HOSTNAME: the name of this replica; in a pod, the pod's name. Default: manager. */
  readonly instance: string
  /** BRANCHLINE_NAMESPACE: the namespace of the replicas' Lease. Default: branchline-system. */
  readonly namespace: string
  /** LOG_LEVEL. Default: info. */
  readonly logLevel: string
  /** BRANCHLINE_GATHER_MS: how long changes are gathered into one epoch. Default: 5. */
  readonly gatherMs: number
  /**
   * BRANCHLINE_CHECK_POD_ADDRESS, on or off: whether a sidecar's token is valid only from its own pod's address.
   * Turn it off if the network translates addresses between pods and the manager. Default: on for a Kubernetes
   * API. It is always off for the embedded cluster.
   */
  readonly checkPodAddress: boolean
  /**
   * BRANCHLINE_POD_MESSAGES, show or hide: whether statuses, and responses to visitors of a preview, quote the last line
   * of a container that failed. Default: hide, because apps may write secrets.
   */
  readonly podMessages: boolean
  readonly limits: PushLimits
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** Reads the whole configuration. Throws a ConfigurationError that names every fault. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): ManagerConfig {
  const read = new VariableReader(environment)
  const source = read.choice(VARIABLES.source, SOURCES, 'kubernetes')
  const relay = read.parsed(VARIABLES.relay, parseRelay, '')
  const checked = read.choice(VARIABLES.checkPodAddress, ['on', 'off'] as const, 'on')
  const config: ManagerConfig = {
    source,
    localApi: source === 'local' ? read.text(VARIABLES.localApi) : '',
    cluster: read.text(VARIABLES.cluster, 'default'),
    relay,
    relayToken: relay === undefined ? '' : read.text(VARIABLES.relayToken),
    host: read.text('POD_IP', '0.0.0.0'),
    routesPort: read.port('BRANCHLINE_ROUTES_PORT', MANAGER_ROUTES_PORT),
    adminPort: read.port(VARIABLES.adminPort, MANAGER_ADMIN_PORT),
    instance: read.text('HOSTNAME', 'manager'),
    namespace: read.text('BRANCHLINE_NAMESPACE', PLATFORM_NAMESPACE),
    logLevel: read.choice(VARIABLES.logLevel, LEVELS, 'info'),
    gatherMs: read.integer('BRANCHLINE_GATHER_MS', 5, { min: 0, max: 1_000 }),
    checkPodAddress: source === 'kubernetes' && checked === 'on',
    podMessages: read.choice(VARIABLES.podMessages, ['show', 'hide'], 'hide') === 'show',
    limits: DEFAULT_PUSH_LIMITS,
  }
  read.check()
  return config
}

function parseRelay(text: string): URL | undefined {
  if (text === '') return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'ws:' || url?.protocol === 'wss:') return url
  throw new RangeError(`${JSON.stringify(text)} is not a ws:// or wss:// URL of a relay`)
}
