import { z } from 'zod'
import { cidr } from './fields.ts'

export const ACCESS_TYPES = ['public', 'organization', 'token'] as const

const PATH = /^\/[!-~]*$/

/** Who may use a circuit. */
export const access = z
  .strictObject({
    type: z
      .enum(ACCESS_TYPES)
      .describe(
        'public: everyone. organization: every holder of an API key or an access token. ' +
          'token: holders of an access token of this circuit.',
      ),
    allow: z
      .array(cidr)
      .min(1)
      .max(256)
      .optional()
      .describe('Addresses of clients that may connect, in addition to what type requires. Default: all.'),
    exempt: z
      .array(z.string().max(256).regex(PATH, 'a path that starts with /'))
      .max(64)
      .optional()
      .describe('Paths that are open to everyone, such as /webhooks/*. A * at the end matches the rest.'),
  })
  .describe('Who may use the circuit.')
export type AccessRule = z.infer<typeof access>
