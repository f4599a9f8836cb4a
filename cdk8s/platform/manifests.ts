import {
  MANAGER_ADMIN_PORT,
  MANAGER_ROUTES_PORT,
  MANAGER_SERVICE,
  PLATFORM_NAMESPACE,
  RELAY_SERVICE,
  RELAY_TUNNEL_PORT,
} from '@branchline/wire/names'
import { customResourceDefinitions } from '@branchline/wire/resources/crd'
import { VARIABLES } from '@branchline/wire/env'
import { IMAGES } from '../core/images.ts'
import type { Manifest } from '../inject/manifest.ts'
import { podSecurityLabels } from '../core/pod-security.ts'
import { monitorManifests } from './monitors.ts'
import { policyManifests, type PolicyOptions, rbacManifests } from './policies.ts'
import { labelsOf, metadataOf, type PlatformProcess, processManifests } from './process.ts'
import {
  PLATFORM_DEFAULTS as DEFAULTS,
  type PlatformProps,
  type RelayProps,
  type SecretKey,
} from './props.ts'
import { relayPolicies } from './relay-policies.ts'
import { relayManifests } from './relay.ts'
import { secretVariable, variables } from './variables.ts'

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
    ...(hasRelay ? relayManifests(props, relay, token) : []),
    ...(isLocal || props.networkPolicies === false ? [] : networkPolicies(props, relay)),
    ...(props.monitors === true ? monitorManifests(componentsOf(relay)) : []),
  ]
}

/** The components with pods of their own. */
function componentsOf(relay: RelayProps | string | false): string[] {
  if (typeof relay !== 'object') return ['manager']
  return relay.databaseUrl === undefined ? ['manager', 'relay'] : ['manager', 'relay', 'coordinator']
}

function networkPolicies(props: PlatformProps, relay: RelayProps | string | false): Manifest[] {
  const hasRelay = typeof relay === 'object'
  const own: RelayProps = hasRelay ? relay : {}
  const options: PolicyOptions = {
    hasRelay,
    isRelayShared: own.shared === true,
    metricsFrom: props.metricsFrom ?? DEFAULTS.metricsFrom,
    apiFrom: props.apiFrom,
    databasePort:
      own.databaseUrl === undefined ? undefined : (own.databasePort ?? DEFAULTS.relay.databasePort),
    ports: own.ports,
    allowTargets: own.allowTargets ?? [],
  }
  return [...policyManifests(options), ...(hasRelay ? relayPolicies(options) : [])]
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
      ...(relay === false ? [] : [secretVariable(VARIABLES.relayToken, token)]),
    ],
    ports: { routes: MANAGER_ROUTES_PORT, admin: MANAGER_ADMIN_PORT },
    resources: props.manager?.resources ?? DEFAULTS.manager.resources,
    pods: props.pods ?? {},
    images: props.images ?? {},
  }
}
