import {
  MANAGER_ADMIN_PORT,
  MANAGER_ROUTES_PORT,
  MANAGER_SERVICE,
  PLATFORM_NAMESPACE,
  RELAY_ADMIN_PORT,
  RELAY_HTTP_PORT,
  RELAY_SERVICE,
  RELAY_TUNNEL_PORT,
} from '@branchline/wire/names'
import { customResourceDefinitions } from '@branchline/wire/resources/crd'
import { VARIABLES } from '@branchline/wire/env'
import { IMAGES } from '../core/images.ts'
import type { Manifest } from '../inject/manifest.ts'
import { podSecurityLabels } from '../core/pod-security.ts'
import { monitorManifests } from './monitors.ts'
import { policyManifests, rbacManifests } from './policies.ts'
import { labelsOf, metadataOf, type PlatformProcess, processManifests, selectorOf } from './process.ts'
import {
  PLATFORM_DEFAULTS as DEFAULTS,
  type PlatformProps,
  type RelayProps,
  type SecretKey,
} from './props.ts'

/** Returns all objects of a platform, in the order in which they can be applied. Pure. The caller checks the input. */
export function platformManifests(props: PlatformProps = {}): Manifest[] {
  return [...namespaceManifests(props), ...crdManifests(), ...installationManifests(props)]
}

/** Returns the namespace, unless the properties say that it already exists. */
export const namespaceManifests = (props: PlatformProps): Manifest[] =>
  props.createNamespace === false ? [] : [namespace()]

/** Returns the CRDs, which do not depend on properties. */
export const crdManifests = (): Manifest[] => customResourceDefinitions(labelsOf('crd'))

/** Returns the objects in the namespace, and the manager's cluster-wide rights. */
export function installationManifests(props: PlatformProps): Manifest[] {
  const relay = props.relay ?? {}
  const token = typeof props.relayToken === 'object' ? props.relayToken : DEFAULTS.relayToken
  const hasRelay = typeof relay === 'object'
  const isLocal = props.source === 'local'
  return [
    ...(typeof props.relayToken === 'string' ? [tokenSecret(props.relayToken)] : []),
    ...(isLocal ? [] : rbacManifests(MANAGER_SERVICE)),
    ...processManifests(managerProcess(props, relay, token)),
    ...(hasRelay ? [...processManifests(relayProcess(props, relay, token)), ...visitorsService(relay)] : []),
    ...(isLocal || props.networkPolicies === false ? [] : networkPolicies(props, relay)),
    ...(props.monitors === true ? monitorManifests(hasRelay ? ['manager', 'relay'] : ['manager']) : []),
  ]
}

function networkPolicies(props: PlatformProps, relay: RelayProps | string | false): Manifest[] {
  const hasRelay = typeof relay === 'object'
  return policyManifests({
    hasRelay,
    isRelayShared: hasRelay && relay.shared === true,
    metricsFrom: props.metricsFrom ?? DEFAULTS.metricsFrom,
  })
}

const namespace = (): Manifest => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: PLATFORM_NAMESPACE,
    labels: { ...labelsOf('platform'), ...podSecurityLabels('restricted') },
  },
})

const tokenSecret = (token: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: metadataOf(DEFAULTS.relayToken.secret, 'platform'),
  type: 'Opaque',
  stringData: { [DEFAULTS.relayToken.key]: token },
})

const tokenVariable = ({ secret, key }: SecretKey): object => ({
  name: VARIABLES.relayToken,
  valueFrom: { secretKeyRef: { name: secret, key } },
})

const variables = (said: Readonly<Record<string, string | undefined>>): object[] =>
  Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]))

function managerProcess(
  props: PlatformProps,
  relay: RelayProps | string | false,
  token: SecretKey,
): PlatformProcess {
  const own = `ws://${RELAY_SERVICE}.${PLATFORM_NAMESPACE}.svc.cluster.local:${RELAY_TUNNEL_PORT}`
  return {
    name: MANAGER_SERVICE,
    component: 'manager',
    image: props.images?.manager ?? IMAGES.manager,
    // One of two replicas holds the Lease. The embedded cluster's API has no Lease.
    replicas: props.source === 'local' ? 1 : (props.manager?.replicas ?? DEFAULTS.manager.replicas),
    usesApi: props.source !== 'local',
    env: [
      ...variables({
        [VARIABLES.source]: props.source ?? 'kubernetes',
        [VARIABLES.cluster]: props.cluster ?? DEFAULTS.cluster,
        [VARIABLES.relay]: typeof relay === 'object' ? own : relay === false ? undefined : relay,
        [VARIABLES.checkPodAddress]: props.manager?.checkPodAddress === false ? 'off' : undefined,
        [VARIABLES.podMessages]: props.manager?.podMessages === true ? 'show' : undefined,
        [VARIABLES.logLevel]: props.logLevel,
      }),
      ...(relay === false ? [] : [tokenVariable(token)]),
    ],
    ports: { routes: MANAGER_ROUTES_PORT, admin: MANAGER_ADMIN_PORT },
    resources: props.manager?.resources ?? DEFAULTS.manager.resources,
    pods: props.pods ?? {},
    images: props.images ?? {},
  }
}

/** The path at which the relay's state is mounted. */
const STATE_FOLDER = '/var/lib/branchline'

/** Formats settings as JSON with sorted keys, as Helm does. */
function settingsText(settings: RelayProps['settings'] = {}): string | undefined {
  const entries = Object.entries(settings).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return entries.length === 0 ? undefined : JSON.stringify(Object.fromEntries(entries))
}

function relayProcess(props: PlatformProps, relay: RelayProps, token: SecretKey): PlatformProcess {
  const domain = relay.domain ?? DEFAULTS.relay.domain
  const isLocal = props.source === 'local'
  return {
    name: RELAY_SERVICE,
    component: 'relay',
    image: props.images?.relay ?? IMAGES.relay,
    replicas: 1,
    usesApi: false,
    env: [
      ...variables({
        [VARIABLES.domain]: domain,
        [VARIABLES.publicUrl]: relay.publicUrl ?? `http://${domain}:${RELAY_HTTP_PORT}`,
        [VARIABLES.routeExplain]: relay.routeExplain,
        [VARIABLES.header]: relay.header,
        [VARIABLES.settings]: settingsText(relay.settings),
        [VARIABLES.stateDirectory]: isLocal ? undefined : STATE_FOLDER,
        [VARIABLES.logLevel]: props.logLevel,
      }),
      tokenVariable(token),
    ],
    ports: { http: RELAY_HTTP_PORT, tunnel: RELAY_TUNNEL_PORT, admin: RELAY_ADMIN_PORT },
    resources: relay.resources ?? DEFAULTS.relay.resources,
    // The embedded cluster has one tenant, and its relay starts without state in every run.
    ...(!isLocal && { state: { folder: STATE_FOLDER, claim: relay.stateClaim } }),
    pods: props.pods ?? {},
    images: props.images ?? {},
  }
}

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
