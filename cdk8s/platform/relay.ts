import {
  COORDINATOR_SERVICE,
  PLATFORM_NAMESPACE,
  RELAY_ADMIN_PORT,
  RELAY_API_PORT,
  RELAY_HTTP_PORT,
  RELAY_SERVICE,
  RELAY_TUNNEL_PORT,
} from '@branchline/wire/names'
import { VARIABLES } from '@branchline/wire/env'
import { IMAGES } from '../core/images.ts'
import type { Manifest } from '../inject/manifest.ts'
import { metadataOf, type PlatformProcess, processManifests, selectorOf } from './process.ts'
import {
  PLATFORM_DEFAULTS as DEFAULTS,
  type PlatformProps,
  type RelayProps,
  type SecretKey,
} from './props.ts'
import { secretVariable, variables } from './variables.ts'

/** The path at which the relay's state is mounted. */
const STATE_FOLDER = '/var/lib/branchline'
/** How long kube-proxy may take to learn that a pod is deleted. */
const LEAVE_SECONDS = 5

/**
 * Returns the objects of a relay: workers and coordinators if it has a database, otherwise one process with both roles.
 * Both kinds of installation have the same Services, so that one becomes the other without a change of address.
 */
export function relayManifests(props: PlatformProps, relay: RelayProps, token: SecretKey): Manifest[] {
  const worker = relayProcess(props, relay, token)
  return relay.databaseUrl === undefined
    ? [...processManifests(worker), apiService(), ...visitorsService(relay)]
    : [
        ...processManifests(worker),
        ...processManifests(coordinatorProcess(props, relay, relay.databaseUrl)),
        ...visitorsService(relay),
      ]
}

/** Formats settings as JSON with sorted keys, as Helm does. */
function settingsText(settings: RelayProps['settings'] = {}): string | undefined {
  const entries = Object.entries(settings).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return entries.length === 0 ? undefined : JSON.stringify(Object.fromEntries(entries))
}

/** The variables that both roles read. */
function commonVariables(props: PlatformProps, relay: RelayProps): object[] {
  const domain = relay.domain ?? DEFAULTS.relay.domain
  return variables({
    [VARIABLES.domain]: domain,
    [VARIABLES.publicUrl]: relay.publicUrl ?? `http://${domain}:${RELAY_HTTP_PORT}`,
    [VARIABLES.settings]: settingsText(relay.settings),
    [VARIABLES.allowTargets]: relay.allowTargets?.join(','),
    [VARIABLES.logLevel]: props.logLevel,
  })
}

/** Without a Secret, no key is made: others read the logs of pods. */
const ownerKey = ({ ownerKey }: RelayProps): object =>
  ownerKey === undefined
    ? { name: VARIABLES.ownerKey, value: 'none' }
    : secretVariable(VARIABLES.ownerKey, ownerKey)

const joinToken = ({ joinToken }: RelayProps): object =>
  secretVariable(VARIABLES.joinToken, joinToken ?? DEFAULTS.relay.joinToken)

function relayProcess(props: PlatformProps, relay: RelayProps, token: SecretKey): PlatformProcess {
  const isLocal = props.source === 'local'
  const isWorker = relay.databaseUrl !== undefined
  const coordinators = `http://${COORDINATOR_SERVICE}.${PLATFORM_NAMESPACE}.svc.cluster.local:${RELAY_API_PORT}`
  return {
    ...shared(props),
    name: RELAY_SERVICE,
    component: 'relay',
    replicas: isWorker ? (relay.replicas ?? DEFAULTS.relay.replicas) : 1,
    env: [
      ...variables({ [VARIABLES.role]: isWorker ? 'worker' : undefined }),
      ...commonVariables(props, relay),
      ...variables({
        [VARIABLES.routeExplain]: relay.routeExplain,
        [VARIABLES.header]: relay.header,
        [VARIABLES.ports]: relay.ports && `${relay.ports.from}-${relay.ports.to}`,
        [VARIABLES.stateDirectory]: isLocal ? undefined : STATE_FOLDER,
        [VARIABLES.coordinators]: isWorker ? coordinators : undefined,
      }),
      ...(isWorker ? [joinToken(relay)] : isLocal ? [] : [ownerKey(relay)]),
      secretVariable(VARIABLES.relayToken, token),
    ],
    ports: {
      http: RELAY_HTTP_PORT,
      tunnel: RELAY_TUNNEL_PORT,
      ...(!isWorker && { api: RELAY_API_PORT }),
      admin: RELAY_ADMIN_PORT,
    },
    // Another Service leads to it.
    unserved: ['api'],
    resources: relay.resources ?? DEFAULTS.relay.resources,
    // The embedded cluster has one tenant, and its relay starts without state in every run.
    ...(!isLocal && {
      state: { folder: STATE_FOLDER, claim: isWorker ? undefined : relay.stateClaim },
      // Two processes may not use one PostgreSQL, nor have one each.
      update: isWorker ? 'surge' : 'recreate',
      terminationGracePeriodSeconds:
        relay.terminationGracePeriodSeconds ?? DEFAULTS.relay.terminationGracePeriodSeconds,
    }),
    ...(isWorker && { isSpread: true, leaveSeconds: LEAVE_SECONDS }),
  }
}

const coordinatorProcess = (
  props: PlatformProps,
  relay: RelayProps,
  databaseUrl: SecretKey,
): PlatformProcess => ({
  ...shared(props),
  name: COORDINATOR_SERVICE,
  component: 'coordinator',
  replicas: relay.coordinators?.replicas ?? DEFAULTS.relay.coordinators.replicas,
  env: [
    ...variables({ [VARIABLES.role]: 'coordinator' }),
    ...commonVariables(props, relay),
    secretVariable(VARIABLES.databaseUrl, databaseUrl),
    joinToken(relay),
    ownerKey(relay),
  ],
  ports: { api: RELAY_API_PORT, admin: RELAY_ADMIN_PORT },
  resources: relay.coordinators?.resources ?? DEFAULTS.relay.coordinators.resources,
  update: 'surge',
  isSpread: true,
  leaveSeconds: LEAVE_SECONDS,
})

const shared = (props: PlatformProps) => ({
  image: props.images?.relay ?? IMAGES.relay,
  usesApi: false,
  pods: props.pods ?? {},
  images: props.images ?? {},
})

/** The API of the process with both roles has the Service that coordinators would have. */
const apiService = (): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadataOf(COORDINATOR_SERVICE, 'coordinator'),
  spec: {
    selector: selectorOf('relay'),
    ports: [{ name: 'api', port: RELAY_API_PORT, targetPort: 'api', appProtocol: 'http' }],
  },
})

/** Visitors from outside get a separate Service, because the relay's other Service exposes the tunnels' port. */
function visitorsService(relay: RelayProps): Manifest[] {
  const type = relay.expose ?? DEFAULTS.relay.expose
  if (type === 'ClusterIP') return []
  const nodePort = relay.nodePort === undefined ? {} : { nodePort: relay.nodePort }
  const annotations = relay.annotations === undefined ? {} : { annotations: relay.annotations }
  const port = { name: 'http', port: RELAY_HTTP_PORT, targetPort: 'http', appProtocol: 'http', ...nodePort }
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...metadataOf(`${RELAY_SERVICE}-visitors`, 'relay'), ...annotations },
      spec: { type, selector: selectorOf('relay'), ports: [port] },
    },
  ]
}
