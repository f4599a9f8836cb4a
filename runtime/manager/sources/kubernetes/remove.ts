import type { Removal } from '../source.ts'
import { ApiError } from '../../../kubernetes/api-error.ts'
import type { Api } from '../../../kubernetes/api.ts'
import { resourcePath } from './kinds.ts'

/**
 * Deletes an Environment as it was seen: where it was changed or made anew meanwhile the API server answers
 * 409, which is to be retried with what it is then. What names it as its owner goes with it. Says whether it was
 * there.
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
    // Gone already: that is what was wanted.
    if (!(error instanceof ApiError && error.status === 404)) throw error
    return false
  }
}
