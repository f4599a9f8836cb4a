import { API_VERSION, GROUP, VERSION } from '@branchline/wire/names'
import type { WATCHED_KINDS } from '../source.ts'

export type WatchedKind = (typeof WATCHED_KINDS)[number]

/** Where the API server keeps the objects of a kind, of all namespaces. */
export interface Resource {
  readonly kind: WatchedKind
  readonly apiVersion: string
  /** The path of the collection. */
  readonly path: string
  /** Narrows what is listed and watched. */
  readonly fieldSelector?: string
}

const ours = `/apis/${GROUP}/${VERSION}`

/** All that is watched. Pods that have ended are left to the API server: their addresses are others' by now. */
export const RESOURCES: readonly Resource[] = [
  { kind: 'Namespace', apiVersion: 'v1', path: '/api/v1/namespaces' },
  { kind: 'Environment', apiVersion: API_VERSION, path: `${ours}/environments` },
  { kind: 'Preview', apiVersion: API_VERSION, path: `${ours}/previews` },
  { kind: 'Service', apiVersion: 'v1', path: '/api/v1/services' },
  {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    path: '/apis/discovery.k8s.io/v1/endpointslices',
  },
  {
    kind: 'Pod',
    apiVersion: 'v1',
    path: '/api/v1/pods',
    fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed',
  },
]

/** The path of one Environment or Preview; `/status` and so on may follow. */
export const resourcePath = (kind: 'Environment' | 'Preview', namespace: string, name: string): string =>
  `${ours}/namespaces/${encodeURIComponent(namespace)}/${kind.toLowerCase()}s/${encodeURIComponent(name)}`
