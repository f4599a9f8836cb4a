import { API_VERSION } from '@branchline/wire/names'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import type { StatusWrite } from '../source.ts'
import type { Api } from '../../../kubernetes/api.ts'
import { resourcePath } from './kinds.ts'

/** The owner of the fields that the manager writes (server-side apply). */
const FIELD_MANAGER = 'branchline-manager'

/**
 * Applies a complete status. Our fields that it no longer contains are removed, and the fields of other owners stay.
 * An object that is gone is not created again (404, not retryable).
 */
export async function applyStatus(api: Api, write: StatusWrite): Promise<void> {
  const { kind, namespace, name, status } = write
  await api.request({
    method: 'PATCH',
    path: `${resourcePath(kind, namespace, name)}/status`,
    query: { fieldManager: FIELD_MANAGER, force: true },
    contentType: 'application/apply-patch+yaml',
    body: { apiVersion: API_VERSION, kind, metadata: { namespace, name }, status },
  })
}

/** Whether the manager writes the status of this object. */
export const hasStatus = ({ kind, apiVersion }: KubernetesObject): boolean =>
  apiVersion === API_VERSION && (kind === 'Environment' || kind === 'Preview')
