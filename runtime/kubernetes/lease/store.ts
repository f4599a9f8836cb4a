import { ApiError } from '../api-error.ts'
import type { Api } from '../api.ts'
import { type LeaseRecord, parseLease } from './record.ts'

/** One Lease of the API server. Rejects with an ApiError: 409 where somebody was faster. */
export interface LeaseStore {
  /** Undefined where there is none yet. */
  read(options: RequestLimits): Promise<LeaseRecord | undefined>
  create(spec: Record<string, unknown>, options: RequestLimits): Promise<LeaseRecord>
  /** Replaces it, provided that it still is at this version. */
  replace(
    resourceVersion: string,
    spec: Record<string, unknown>,
    options: RequestLimits,
  ): Promise<LeaseRecord>
}

export interface RequestLimits {
  readonly timeoutMs: number
}

/** The store of a Lease, by its namespace and name. */
export function createLeaseStore(api: Api, namespace: string, name: string): LeaseStore {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`
  const path = `${collection}/${encodeURIComponent(name)}`
  const body = (spec: Record<string, unknown>, metadata: Record<string, unknown> = {}) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace, name, ...metadata },
    spec,
  })
  return {
    async read(options) {
      try {
        return parseLease(await api.request({ method: 'GET', path, ...options }))
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return undefined
        throw error
      }
    },
    create: async (spec, options) =>
      parseLease(await api.request({ method: 'POST', path: collection, body: body(spec), ...options })),
    replace: async (resourceVersion, spec, options) =>
      parseLease(
        await api.request({ method: 'PUT', path, body: body(spec, { resourceVersion }), ...options }),
      ),
  }
}
