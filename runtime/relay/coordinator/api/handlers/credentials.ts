import type { CREDENTIAL_OPERATIONS } from '@branchline/wire/circuits/operations/credentials'
import { createAccessToken, listAccessTokens, revokeAccessToken } from '../../access/access-tokens.ts'
import { createKey, listKeys, revokeKey, rotateKey } from '../../access/keys.ts'
import { listSessions, revokeSession } from '../../access/sessions.ts'
import { listAudit } from '../audit.ts'
import type { Handlers } from '../handler.ts'

/** Operations on keys, access tokens, sessions and the audit log. */
export const CREDENTIAL_HANDLERS: Handlers<keyof typeof CREDENTIAL_OPERATIONS> = {
  getSelf: ({ caller: { keyId, name, scopes } }) =>
    Promise.resolve({ body: { id: keyId, name, scopes: [...scopes] } }),
  createKey: async ({ services, caller, body }) => ({
    body: await createKey(services.context.store, caller, body),
  }),
  listKeys: async ({ services, query }) => ({ body: await listKeys(services.context.store, query) }),
  rotateKey: async ({ services, caller, params }) => ({
    body: await rotateKey(services.context.store, caller, params.id),
  }),
  revokeKey: async ({ services, caller, params }) => {
    await revokeKey(services.context.store, caller, params.id)
    return { body: undefined }
  },
  createAccessToken: async ({ services, caller, body }) => ({
    body: await createAccessToken(services.context.store, caller, body),
  }),
  listAccessTokens: async ({ services, caller, query }) => ({
    body: await listAccessTokens(services.context.store, caller, query),
  }),
  revokeAccessToken: async ({ services, caller, params }) => {
    await revokeAccessToken(services.context.store, caller, params.id)
    return { body: undefined }
  },
  listSessions: async ({ services, caller, query }) => ({
    body: await listSessions(services.context.store, caller, query),
  }),
  revokeSession: async ({ services, caller, params }) => {
    await revokeSession(services.context.store, caller, params.id)
    return { body: undefined }
  },
  listAudit: async ({ services, query }) => ({ body: await listAudit(services.context.store, query) }),
}
