import { z } from 'zod'
import { API_VERSION } from '../names.ts'
import { ON_UNAVAILABLE } from '../routes/messages.ts'
import { conditions, label, metadata } from './fields.ts'

/** The most environments above a branch, the baseline counted. */
export const MAX_ENVIRONMENTS_ABOVE = 3

/** The kinds of environment. `shared` and `personal` stand alone; a `branch` has a base. */
export const ENVIRONMENT_TYPES = ['shared', 'personal', 'branch'] as const
export type EnvironmentType = (typeof ENVIRONMENT_TYPES)[number]

const DURATION = /^([0-9]{1,6}h([0-9]{1,6}m)?([0-9]{1,6}s)?|[0-9]{1,6}m([0-9]{1,6}s)?|[0-9]{1,6}s)$/
const MIN_TTL_MS = 60_000

/**
 * The milliseconds of a duration of hours, minutes and seconds, such as `72h` or `1h30m` (a subset of Go's
 * and Kubernetes' durations). NaN where the text is none.
 */
export function durationMs(text: string): number {
  if (!DURATION.test(text)) return Number.NaN
  const part = (unit: string): number => Number(new RegExp(`(\\d+)${unit}`).exec(text)?.[1] ?? 0)
  return ((part('h') * 60 + part('m')) * 60 + part('s')) * 1000
}

const ttl = z
  .string()
  .regex(DURATION, 'a duration such as 72h or 1h30m')
  // The pattern has spoken where it is no duration at all.
  .refine((text) => !(durationMs(text) < MIN_TTL_MS), 'a duration of one minute or more')
  .meta({
    'x-kubernetes-validations': [
      { rule: "duration(self) >= duration('1m')", message: 'ttl is a duration of one minute or more' },
    ],
  })

/** What a person says about an environment. Only here and in the schema: one source. */
export const environmentSpec = z
  .strictObject({
    type: z
      .enum(ENVIRONMENT_TYPES)
      .describe(
        'shared: runs every service, and branches may be based on it. personal: the same for one person, ' +
          'and nothing is based on it. branch: runs only what it changes; everything else is its base.',
      ),
    base: label
      .optional()
      .describe(
        'The name of the environment (shared or branch) that serves what this branch does not run. ' +
          'A branch needs it, others have none. At most three environments are above a branch.',
      ),
    key: label
      .optional()
      .describe(
        'The routing key: requests that carry tracestate or baggage branchline=<key> are served by this ' +
          'environment. Default: the name of the environment. No two environments share one.',
      ),
    ttl: ttl
      .optional()
      .describe('How long the environment lives after its creation, such as 72h. Default: without end.'),
    paused: z
      .boolean()
      .default(false)
      .describe('While true its overrides are passed over: its requests are served by its base.'),
    onUnavailable: z
      .enum(ON_UNAVAILABLE)
      .default('baseline')
      .describe(
        'What becomes of requests whose override cannot be reached. baseline: the base serves them. hold: ' +
          'they wait a while for it, and then the base serves them. fail: they get a 502 that says why. ' +
          'Whatever the rule, the base serves no request that the override may have received: such a ' +
          'request gets a 502 that names the environment.',
      ),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: "self.type == 'branch' || !has(self.base)",
        message: 'only a branch has a base: remove spec.base, or set spec.type to branch',
        fieldPath: '.base',
      },
      {
        rule: "self.type != 'branch' || has(self.base)",
        message: 'a branch needs a base: set spec.base to the environment that serves the rest',
      },
    ],
  })
  .describe('What the environment should be.')
export type EnvironmentSpec = z.infer<typeof environmentSpec>

/** What the manager says about an environment. */
export const environmentStatus = z
  .object({
    observedGeneration: z.int().min(0).optional().describe('The generation that this status is about.'),
    conditions: conditions.optional(),
    key: z.string().optional().describe('The routing key in effect.'),
    overrides: z
      .array(z.string())
      .optional()
      .describe('The services that the environment runs itself.')
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
    overridesSummary: z
      .string()
      .optional()
      .describe('The same in short, for a column of a table, such as api,web or <none>.'),
    sidecars: z
      .object({
        acknowledged: z.int().min(0).describe('How many serve the newest route table.'),
        total: z.int().min(0).describe('How many there are.'),
        epoch: z.int().min(0).describe('The epoch of the newest route table.'),
        connected: z.int().min(0).optional().describe('How many are connected to the manager.'),
        summary: z.string().optional().describe('Connected of all, such as 3/3.'),
      })
      .optional()
      .describe('The sidecars of the environment, and how many serve the newest route table.'),
    routes: z
      .string()
      .optional()
      .describe('How many sidecars serve the newest route table, such as 3/3 at epoch 41.'),
    previews: z
      .array(
        z.object({
          name: z.string().describe('The name of the Preview.'),
          ready: z.boolean().describe('Whether visitors reach it.'),
          url: z.string().optional().describe('Where visitors open it.'),
        }),
      )
      .optional()
      .describe('The previews of the environment.')
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
    expiresAt: z.string().meta({ format: 'date-time' }).optional().describe('When its ttl ends, or ended.'),
  })
  .describe('What the manager found. Written by it alone.')
export type EnvironmentStatus = z.infer<typeof environmentStatus>

/** The whole resource, strict in what a person writes: `parse.ts` turns its faults into sentences. */
export const environment = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Environment'),
  metadata,
  spec: environmentSpec,
  status: z.looseObject(environmentStatus.shape).nullish(),
})
export type Environment = z.infer<typeof environment>

/** The routing key of an environment: its own, or its name. */
export const environmentKey = (environment: Environment): string =>
  environment.spec.key ?? environment.metadata.name
