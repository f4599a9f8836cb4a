import { z } from 'zod'
import { DURATION, durationMs } from '../duration.ts'
import { API_VERSION } from '../names.ts'
import { ON_UNAVAILABLE } from '../routes/messages.ts'
import { conditions, label, metadata, observedGeneration } from './fields.ts'

/** The largest number of environments above a branch, including the baseline. */
export const MAX_ENVIRONMENTS_ABOVE = 3

/** The kinds of environment. `shared` and `personal` stand alone; a `branch` has a base. */
export const ENVIRONMENT_TYPES = ['shared', 'personal', 'branch'] as const
export type EnvironmentType = (typeof ENVIRONMENT_TYPES)[number]

const MIN_TTL_MS = 60_000

const ttl = z
  .string()
  .regex(DURATION, 'a duration such as 72h or 1h30m')
  // The pattern reports a text that is not a duration.
  .refine((text) => !(durationMs(text) < MIN_TTL_MS), 'a duration of one minute or more')
  .meta({
    'x-kubernetes-validations': [
      { rule: "duration(self) >= duration('1m')", message: 'ttl must be a duration of at least one minute' },
    ],
  })

/** The desired state of an environment: the source of its types, its parser and its CRD. */
export const environmentSpec = z
  .strictObject({
    type: z
      .enum(ENVIRONMENT_TYPES)
      .describe(
        'Type of the environment. shared: runs every service, and can be the base of branches. personal: runs every ' +
          'service for one person, and cannot be a base. branch: runs only the services that it changes, and its ' +
          'base serves the others.',
      ),
    base: label
      .optional()
      .describe(
        'Name of the environment that serves the services which this branch does not run. It is a shared ' +
          'environment or another branch. Required for a branch, and not allowed for other types. At most three ' +
          'environments can be above a branch.',
      ),
    key: label
      .optional()
      .describe(
        'Routing key. This environment serves the requests that carry branchline=<key> in tracestate or baggage. ' +
          'Every environment has a different key. Default: the name of the environment.',
      ),
    ttl: ttl
      .optional()
      .describe(
        'Time from the creation of the environment until it expires, such as 72h. At least one minute. ' +
          'Default: it never expires.',
      ),
    paused: z
      .boolean()
      .default(false)
      .describe('If true, requests skip the overrides of the environment, and its base serves them.'),
    onUnavailable: z
      .enum(ON_UNAVAILABLE)
      .default('baseline')
      .describe(
        'What happens to requests whose override cannot be reached. baseline: the base serves them. hold: they wait ' +
          'for the override for a limited time, and then the base serves them. fail: they get a 502 that states the ' +
          'reason. In all cases, a request that the override may have received gets a 502 that names the ' +
          'environment. The base never serves such a request.',
      ),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: "self.type == 'branch' || !has(self.base)",
        message: 'only a branch can have a base: remove spec.base, or set spec.type to branch',
        fieldPath: '.base',
      },
      {
        rule: "self.type != 'branch' || has(self.base)",
        message: 'a branch needs a base: set spec.base to the environment that serves the other services',
      },
    ],
  })
  .describe('Desired state of the environment.')
export type EnvironmentSpec = z.infer<typeof environmentSpec>

/** The state of an environment as the manager observes it. */
export const environmentStatus = z
  .object({
    observedGeneration,
    conditions: conditions.optional(),
    key: z.string().optional().describe('Routing key in effect.'),
    overrides: z
      .array(z.string())
      .optional()
      .describe('Services that the environment runs instead of its base.')
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
    overridesSummary: z
      .string()
      .optional()
      .describe('Short form of overrides for a table column, such as api,web or <none>.'),
    sidecars: z
      .object({
        acknowledged: z.int().min(0).describe('Number of sidecars that serve the newest route table.'),
        total: z.int().min(0).describe('Number of sidecars.'),
        epoch: z.int().min(0).describe('Epoch of the newest route table.'),
        connected: z
          .int()
          .min(0)
          .optional()
          .describe('Number of sidecars that are connected to the manager.'),
        summary: z.string().optional().describe('Connected sidecars out of all sidecars, such as 3/3.'),
      })
      .optional()
      .describe('Sidecars of the environment.'),
    routes: z
      .string()
      .optional()
      .describe('Number of sidecars that serve the newest route table, such as 3/3 at epoch 41.'),
    previews: z
      .array(
        z.object({
          name: z.string().describe('Name of the Preview.'),
          ready: z.boolean().describe('Whether visitors can reach the preview.'),
          url: z.string().optional().describe('URL of the preview.'),
        }),
      )
      .optional()
      .describe('Previews of the environment.')
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }),
    expiresAt: z
      .string()
      .meta({ format: 'date-time' })
      .optional()
      .describe('Time at which the ttl ends or ended.'),
  })
  .describe('Observed state of the environment. Only the manager writes it.')
export type EnvironmentStatus = z.infer<typeof environmentStatus>

/** The whole resource, without unknown fields in `spec`. `parse.ts` turns its faults into sentences. */
export const environment = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Environment'),
  metadata,
  spec: environmentSpec,
  status: z.looseObject(environmentStatus.shape).nullish(),
})
export type Environment = z.infer<typeof environment>

/** Returns the routing key of an environment: `spec.key`, or its name by default. */
export const environmentKey = (environment: Environment): string =>
  environment.spec.key ?? environment.metadata.name
