import { API_VERSION } from '@branchline/wire/names'
import type { LocalKind } from '@branchline/wire/local-api'

/** A kind of object that commands read or change, as the API server knows it. */
export interface KindInfo {
  readonly apiVersion: string
  readonly plural: string
  readonly namespaced: boolean
}

export const KINDS: Readonly<Record<LocalKind, KindInfo>> = {
  Namespace: { apiVersion: 'v1', plural: 'namespaces', namespaced: false },
  Environment: { apiVersion: API_VERSION, plural: 'environments', namespaced: true },
  Preview: { apiVersion: API_VERSION, plural: 'previews', namespaced: true },
  Service: { apiVersion: 'v1', plural: 'services', namespaced: true },
  EndpointSlice: { apiVersion: 'discovery.k8s.io/v1', plural: 'endpointslices', namespaced: true },
  Pod: { apiVersion: 'v1', plural: 'pods', namespaced: true },
  Deployment: { apiVersion: 'apps/v1', plural: 'deployments', namespaced: true },
  StatefulSet: { apiVersion: 'apps/v1', plural: 'statefulsets', namespaced: true },
}

/** Returns the path of a collection at the API server. */
export function collectionPath(kind: LocalKind, namespace?: string): string {
  const { apiVersion, plural } = KINDS[kind]
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  return `${root}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural}`
}
