import type { Removal } from '../source.ts'
import { ApiError } from '../../../kubernetes/api-error.ts'
import type { Api } from '../../../kubernetes/api.ts'
import { resourcePath } from './kinds.ts'

/**
 * Deletes an Environment in the state that was seen. If it was changed or created again meanwhile, the API server
 * responds with 409, and the caller retries with the new state. Objects that name it as their owner are deleted
 * with it. Resolves to whether it existed.
 */
export async function deleteEnvironment(api: Api, removal: Removal): Promise<boolean> {
  const { namespace, name, uid, resourceVersion } = removal
  const preconditions = {
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  }
  try {
    await api.request({
      method: 'DELETE',
      path: resourcePath('Environment', namespace, name),
      body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions, propagationPolicy: 'Background' },
    })
    return true
  } catch (error) {
    // It is already gone, as wanted.
    if (!(error instanceof ApiError && error.status === 404)) throw error
    return false
  }
}
