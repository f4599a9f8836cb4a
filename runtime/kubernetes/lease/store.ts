import { ApiError } from '../api-error.ts'
import type { Api } from '../api.ts'
import { type LeaseRecord, parseLease } from './record.ts'

/** Reads and writes one Lease. Rejects with an ApiError, with 409 if another writer was faster. */
export interface LeaseStore {
  /** Undefined if the Lease does not exist yet. */
  read(options: RequestLimits): Promise<LeaseRecord | undefined>
  create(spec: Record<string, unknown>, options: RequestLimits): Promise<LeaseRecord>
  /** Replaces the Lease, provided that it still has this version. */
  replace(
    resourceVersion: string,
    spec: Record<string, unknown>,
    options: RequestLimits,
  ): Promise<LeaseRecord>
}

interface RequestLimits {
  readonly timeoutMs: number
}

/** Creates the store of the Lease with this namespace and name. */
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
