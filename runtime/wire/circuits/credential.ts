import { z } from 'zod'
import { circuitKey, duration, instant } from './fields.ts'

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
