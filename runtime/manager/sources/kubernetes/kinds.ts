import { API_VERSION, GROUP, VERSION } from '@branchline/wire/names'
import type { Kept } from '../../../kubernetes/resource.ts'
import type { Resource } from '../../../kubernetes/resource.ts'
import type { WATCHED_KINDS } from '../source.ts'

export type WatchedKind = (typeof WATCHED_KINDS)[number]

/** The fields that every kind keeps. */
const METADATA = {
  name: true,
  namespace: true,
  uid: true,
  generation: true,
  creationTimestamp: true,
  deletionTimestamp: true,
  labels: true,
  annotations: true,
} as const satisfies Kept

const PORTS: Kept = { name: true, port: true, appProtocol: true, protocol: true, targetPort: true }

const ENDED: Kept = { exitCode: true, reason: true, message: true }
/** Why a container is not ready. */
const CONTAINER: Kept = {
  name: true,
  ready: true,
  state: { waiting: { reason: true, message: true }, terminated: ENDED },
  lastState: { terminated: ENDED },
}

/** The fields to keep of each kind. */
const KEPT = {
  Namespace: { metadata: METADATA, status: { phase: true } },
  // The version, so that a deletion applies only to the state that was seen.
  Environment: { metadata: { ...METADATA, resourceVersion: true }, spec: true, status: true },
  Preview: { metadata: METADATA, spec: true, status: true },
  Service: {
    metadata: METADATA,
    spec: {
      type: true,
      ports: PORTS,
      ipFamilies: true,
      clusterIP: true,
      selector: true,
      externalName: true,
      publishNotReadyAddresses: true,
    },
  },
  EndpointSlice: {
    metadata: METADATA,
    addressType: true,
    ports: PORTS,
    endpoints: {
      addresses: true,
      conditions: true,
      targetRef: { kind: true, name: true, namespace: true },
    },
  },
  Pod: {
    metadata: { ...METADATA, ownerReferences: { kind: true, name: true, controller: true } },
    spec: { hostNetwork: true, dnsPolicy: true, dnsConfig: { searches: true } },
    status: {
      phase: true,
      podIP: true,
      podIPs: true,
      conditions: { type: true, status: true, reason: true, message: true },
      initContainerStatuses: CONTAINER,
      containerStatuses: CONTAINER,
    },
  },
} as const satisfies Record<WatchedKind, Kept>

const ours = `/apis/${GROUP}/${VERSION}`

/** All watched collections. Pods that have ended are excluded, because others may have their addresses by now. */
export const RESOURCES: readonly Resource<WatchedKind>[] = [
  { kind: 'Namespace', apiVersion: 'v1', path: '/api/v1/namespaces', kept: KEPT.Namespace },
  { kind: 'Environment', apiVersion: API_VERSION, path: `${ours}/environments`, kept: KEPT.Environment },
  { kind: 'Preview', apiVersion: API_VERSION, path: `${ours}/previews`, kept: KEPT.Preview },
  { kind: 'Service', apiVersion: 'v1', path: '/api/v1/services', kept: KEPT.Service },
  {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    path: '/apis/discovery.k8s.io/v1/endpointslices',
    kept: KEPT.EndpointSlice,
  },
  {
    kind: 'Pod',
    apiVersion: 'v1',
    path: '/api/v1/pods',
    fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed',
    kept: KEPT.Pod,
  },
]

/** The path of one Environment or Preview, to which for example `/status` may be added. */
export const resourcePath = (kind: 'Environment' | 'Preview', namespace: string, name: string): string =>
  `${ours}/namespaces/${encodeURIComponent(namespace)}/${kind.toLowerCase()}s/${encodeURIComponent(name)}`
