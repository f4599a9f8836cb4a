import { z } from 'zod'
import { ACCESS_TYPES } from '../circuits/access.ts'
import { API_VERSION } from '../names.ts'
import { conditions, label, metadata, observedGeneration } from './fields.ts'

/** Who may open a preview: the access of its circuit. */
export const ACCESS = ACCESS_TYPES
export type Access = (typeof ACCESS)[number]

const PORT_NAME = /^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/

function isServicePort(port: number | string): boolean {
  if (typeof port === 'number') return Number.isInteger(port) && port >= 1 && port <= 65535
  // A port's name contains a letter (IANA_SVC_NAME), so that it cannot be mistaken for a number.
  return PORT_NAME.test(port) && /[a-z]/.test(port)
}

const PORT = 'a number from 1 to 65535, or the name of a port'

/** A port of a Service, by number or by name (IANA service name: at most 15 characters, at least one letter). */
export const servicePort = z
  .union([z.number(), z.string()], PORT)
  .refine(isServicePort, PORT)
  .meta({
    'x-kubernetes-int-or-string': true,
    'x-kubernetes-validations': [
      {
        rule:
          'type(self) == int ? self >= 1 && self <= 65535 : ' +
          `self.matches('${PORT_NAME.source}') && self.matches('[a-z]')`,
        message: 'port must be a number from 1 to 65535, or the name of a port of the Service',
      },
    ],
  })

/** The desired state of a preview. */
export const previewSpec = z
  .strictObject({
    service: label.describe(
      'Name of the Service that visitors reach. If this environment does not run it, the nearest base does.',
    ),
    port: servicePort.describe('Port of the Service, by number or by name.'),
    access: z
      .enum(ACCESS)
      .default('public')
      .describe(
        'Who may open the preview. public: everyone who has the URL. organization: holders of an API key or an access ' +
          'token of the relay. token: holders of an access token of this preview.',
      ),
  })
  .describe('Desired state of the preview.')
export type PreviewSpec = z.infer<typeof previewSpec>

/** The state of a preview as the manager observes it. */
export const previewStatus = z
  .object({
    observedGeneration,
    conditions: conditions.optional(),
    host: z.string().optional().describe("Leftmost label of the preview's host name at the relay."),
    url: z.string().optional().describe('URL of the preview.'),
  })
  .describe('Observed state of the preview. Only the manager writes it.')
export type PreviewStatus = z.infer<typeof previewStatus>

/** The whole resource, without unknown fields in `spec`. */
export const preview = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Preview'),
  metadata,
  spec: previewSpec,
  status: z.looseObject(previewStatus.shape).nullish(),
})
export type Preview = z.infer<typeof preview>
