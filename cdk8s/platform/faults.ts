import { parseKeyHeader } from '@branchline/wire/key-header'
import { renderSettings } from '@branchline/wire/settings/value'
import { EXPOSE, type PlatformProps, type PortRange, type RelayProps } from './props.ts'

/** Patterns of a platform's properties. The schema of the chart's values uses them too. */
export const PLATFORM_PATTERNS = {
  cluster: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
  address: /^wss?:\/\/[^\s/]+/,
  domain: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/,
  stateClaim: /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/,
  header: /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/,
  cidr: /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)\/\d{1,3}$/,
  publicUrl: /^https?:\/\/[^\s/]+\/?$/,
} as const
/** The longest domain, in characters. It leaves room for a preview's label (RFC 1035 allows 253 in total). */
export const DOMAIN_LENGTH = 190
const PORT_LIMIT = 65_535

/** Yields one sentence per fault of a platform's properties, without the name of the construct. */
export function* platformFaults(props: PlatformProps): Generator<string> {
  const { relay = {}, relayToken, cluster = 'default', manager = {} } = props
  if (!PLATFORM_PATTERNS.cluster.test(cluster)) {
    yield `cluster is ${JSON.stringify(cluster)}: wanted lower-case letters, digits and inner hyphens`
  }
  if (manager.replicas !== undefined && !isWhole(manager.replicas, 0, Infinity)) {
    yield `manager.replicas is ${manager.replicas}: wanted a whole number, 0 or more`
  }
  if (relayToken === '') yield 'relayToken is "": set it to a text, or to a Secret and one of its keys'
  if (typeof relay === 'string' && !PLATFORM_PATTERNS.address.test(relay)) {
    yield `relay is ${JSON.stringify(relay)}: wanted an address such as "wss://relay.example.com"`
  }
  if (typeof relay === 'object') yield* relayFaults(relay)
}

function* relayFaults(relay: RelayProps): Generator<string> {
  if (!isDomain(relay.domain ?? 'localhost')) {
    yield `relay.domain is ${JSON.stringify(relay.domain)}: wanted a domain such as "preview.example.com"`
  }
  if (relay.publicUrl !== undefined && !PLATFORM_PATTERNS.publicUrl.test(relay.publicUrl)) {
    yield `relay.publicUrl is ${JSON.stringify(relay.publicUrl)}: wanted a URL such as "https://preview.example.com"`
  }
  if (relay.stateClaim !== undefined && !PLATFORM_PATTERNS.stateClaim.test(relay.stateClaim)) {
    yield `relay.stateClaim is ${JSON.stringify(relay.stateClaim)}: wanted the name of a PersistentVolumeClaim`
  }
  yield* circuitFaults(relay)
  yield* roleFaults(relay)
  if (relay.expose !== undefined && !EXPOSE.includes(relay.expose)) {
    yield `relay.expose is ${JSON.stringify(relay.expose)}: wanted one of ${EXPOSE.join(', ')}`
  }
  try {
    parseKeyHeader(relay.header ?? '')
  } catch (error) {
    yield `relay.header is ${(error as Error).message}`
  }
  for (const fault of renderSettings('relay', relay.settings ?? {}).faults) yield `relay.settings: ${fault}`
  yield* nodePortFaults(relay)
}

function* nodePortFaults(relay: RelayProps): Generator<string> {
  if (relay.nodePort === undefined) return
  if (!isWhole(relay.nodePort, 1, PORT_LIMIT)) {
    yield `relay.nodePort is ${relay.nodePort}: wanted a whole number from 1 to ${PORT_LIMIT}`
  }
  if (relay.expose !== 'NodePort') {
    yield `relay.nodePort is ${relay.nodePort}, but relay.expose is not NodePort: set relay.expose to NodePort, or remove the port`
  }
}

/** Faults of what circuits may use. */
function* circuitFaults({ ports, allowTargets = [] }: RelayProps): Generator<string> {
  if (ports !== undefined && !isRange(ports)) {
    yield `relay.ports is from ${ports.from} to ${ports.to}: wanted a range such as from 30000 to 30999`
  }
  for (const cidr of allowTargets) {
    if (PLATFORM_PATTERNS.cidr.test(cidr)) continue
    yield `relay.allowTargets has ${JSON.stringify(cidr)}: wanted a range of addresses such as "10.0.0.0/8"`
  }
}

/** Faults of what differs between a relay of one process and one of coordinators and workers. */
function* roleFaults(relay: RelayProps): Generator<string> {
  const { databaseUrl, stateClaim, replicas, coordinators, terminationGracePeriodSeconds } = relay
  if (databaseUrl !== undefined && stateClaim !== undefined) {
    yield `relay.stateClaim is ${JSON.stringify(stateClaim)}, but the state is in the database of relay.databaseUrl: remove one of them`
  }
  const counts = {
    replicas,
    'coordinators.replicas': coordinators?.replicas,
    terminationGracePeriodSeconds,
  }
  for (const [name, count] of Object.entries(counts)) {
    if (count !== undefined && !isWhole(count, 0, Infinity))
      yield `relay.${name} is ${count}: wanted a whole number, 0 or more`
  }
  if (relay.databasePort !== undefined && !isWhole(relay.databasePort, 1, PORT_LIMIT)) {
    yield `relay.databasePort is ${relay.databasePort}: wanted a whole number from 1 to ${PORT_LIMIT}`
  }
}

const isRange = ({ from, to }: PortRange): boolean =>
  isWhole(from, 1, PORT_LIMIT) && isWhole(to, from, PORT_LIMIT)

const isDomain = (text: string): boolean =>
  text.length <= DOMAIN_LENGTH && PLATFORM_PATTERNS.domain.test(text)

const isWhole = (number: number, least: number, most: number): boolean =>
  Number.isInteger(number) && number >= least && number <= most
