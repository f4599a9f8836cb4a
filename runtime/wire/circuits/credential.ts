import { z } from 'zod'
import { circuitKey, duration, instant, shortId } from './fields.ts'

/**
 * What an API key may do. `circuits:write` includes targets. `admin` includes all others; only it manages keys, groups
 * and join tokens.
 */
export const SCOPES = [
  'circuits:read',
  'circuits:write',
  'workers:read',
  'workers:write',
  'clusters:read',
  'clusters:write',
  'audit:read',
  'metrics:read',
  'admin',
] as const
export const scope = z.enum(SCOPES)
export type Scope = z.infer<typeof scope>

export { TOKEN_PREFIX } from './tokens.ts'

/** An API key without its secret. */
export const apiKey = z.object({
  id: z.string(),
  name: z.string(),
  prefix: z.string().describe('First characters of the key, to recognise it.'),
  scopes: z.array(scope),
  createdAt: instant,
  expiresAt: instant.optional(),
  lastUsedAt: instant.optional(),
  revokedAt: instant.optional(),
})
export type ApiKey = z.infer<typeof apiKey>

export const apiKeyCreate = z.strictObject({
  name: z.string().min(1).max(100),
  scopes: z.array(scope).min(1),
  expiresIn: duration.optional().describe('Default: 90 days (2160h). 0s: never.'),
})
export type ApiKeyCreate = z.infer<typeof apiKeyCreate>

/** An access token without its secret: the right to use circuits whose access is organization or token. */
export const accessToken = z.object({
  id: z.string(),
  name: z.string(),
  circuits: z
    .array(circuitKey)
    .optional()
    .describe('Circuits that it opens. Absent: all of the organization.'),
  createdAt: instant,
  expiresAt: instant.optional(),
  revokedAt: instant.optional(),
})
export type AccessToken = z.infer<typeof accessToken>

export const accessTokenCreate = z.strictObject({
  name: z.string().min(1).max(100),
  circuits: z.array(circuitKey).min(1).max(256).optional(),
  expiresIn: duration.optional().describe('Default: 30 days (720h). 0s: never.'),
})
export type AccessTokenCreate = z.infer<typeof accessTokenCreate>

/** A secret that is shown once: store it, because the relay keeps only its hash. */
const secret = z.string().describe('The secret. It is shown only now: the relay keeps only its hash.')

export const createdApiKey = apiKey.extend({ secret })
export type CreatedApiKey = z.infer<typeof createdApiKey>
export const createdAccessToken = accessToken.extend({ secret })
export type CreatedAccessToken = z.infer<typeof createdAccessToken>

/** A join token without its secret: the right of workers to join a group. */
export const joinToken = z.object({
  id: z.string(),
  name: z.string(),
  group: shortId,
  uses: z.int(),
  maxUses: z.int().optional().describe('Absent: any number.'),
  createdAt: instant,
  expiresAt: instant.optional(),
  revokedAt: instant.optional(),
})
export type JoinToken = z.infer<typeof joinToken>

export const joinTokenCreate = z.strictObject({
  name: z.string().min(1).max(100),
  group: shortId.optional().describe('Group of the workers. Default: default.'),
  maxUses: z.int().min(1).max(100_000).optional().describe('Default: any number.'),
  expiresIn: duration.optional().describe('Default: 24h. 0s: never.'),
})
export type JoinTokenCreate = z.infer<typeof joinTokenCreate>
export const createdJoinToken = joinToken.extend({ secret })
export type CreatedJoinToken = z.infer<typeof createdJoinToken>

/** A browser's session at one circuit, without its secret. */
export const session = z.object({
  id: z.string().describe('Hash of the cookie.'),
  circuit: circuitKey,
  holder: z.string().describe('Who it is: `token:<id>` or `key:<id>`.'),
  createdAt: instant,
  expiresAt: instant,
})
export type Session = z.infer<typeof session>

/** What the caller's own key is. */
export const self = z.object({ id: z.string(), name: z.string(), scopes: z.array(scope) })
