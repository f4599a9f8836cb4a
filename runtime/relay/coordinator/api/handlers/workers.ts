import type { Worker } from '@branchline/wire/circuits/worker'
import type { WORKER_OPERATIONS } from '@branchline/wire/circuits/operations/workers'
import { createJoinToken, listJoinTokens, revokeJoinToken } from '../../access/join-tokens.ts'
import { listClusters } from '../clusters.ts'
import { deleteGroup, freePortsOf, listGroups, putGroup } from '../groups.ts'
import type { Call, Handlers } from '../handler.ts'
import { getWorker, listWorkers, removeWorker, setWorkerState } from '../workers.ts'

type StateCall = Pick<Call<'getWorker'>, 'services' | 'caller' | 'params'>

const setState =
  (state: Parameters<typeof setWorkerState>[3]) =>
  async ({ services, caller, params }: StateCall): Promise<{ body: Worker }> => ({
    body: await setWorkerState(services.context.store, caller, params.worker, state),
  })

/** Operations on workers, groups, join tokens and clusters. */
export const WORKER_HANDLERS: Handlers<keyof typeof WORKER_OPERATIONS> = {
  registerWorker: async ({ services, token, body }) => ({ body: await services.joinWorker(token, body) }),
  listWorkers: async ({ services, query }) => ({ body: await listWorkers(services.context.store, query) }),
  getWorker: async ({ services, params }) => ({
    body: await getWorker(services.context.store, params.worker),
  }),
  cordonWorker: setState('cordoned'),
  uncordonWorker: setState('ready'),
  drainWorker: setState('draining'),
  deleteWorker: async ({ services, caller, params }) => {
    await removeWorker(services.context.store, caller, params.worker)
    return { body: undefined }
  },
  listGroups: async ({ services, query }) => ({ body: await listGroups(services.context.store, query) }),
  putGroup: async ({ services, caller, params, body }) => ({
    body: await putGroup(services.context.store, caller, params.group, body),
  }),
  deleteGroup: async ({ services, caller, params }) => {
    await deleteGroup(services.context.store, caller, params.group)
    return { body: undefined }
  },
  getFreePorts: async ({ services, params }) => ({
    body: await freePortsOf(services.context.store, params.group),
  }),
  createJoinToken: async ({ services, caller, body }) => ({
    body: await createJoinToken(services.context.store, caller, body),
  }),
  listJoinTokens: async ({ services, query }) => ({
    body: await listJoinTokens(services.context.store, query),
  }),
  revokeJoinToken: async ({ services, caller, params }) => {
    await revokeJoinToken(services.context.store, caller, params.id)
    return { body: undefined }
  },
  listClusters: async ({ services, query }) => ({ body: await listClusters(services.context.store, query) }),
}
