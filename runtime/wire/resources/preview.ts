import { z } from 'zod'
import { API_VERSION } from '../names.ts'
import { conditions, label, metadata } from './fields.ts'

/** Who may open a preview. */
export const ACCESS = ['public'] as const
export type Access = (typeof ACCESS)[number]

const PORT_NAME = /^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/

function isServicePort(port: number | string): boolean {
  if (typeof port === 'number') return Number.isInteger(port) && port >= 1 && port <= 65535
  // A port's name has a letter in it (IANA_SVC_NAME), so that it is never taken for a number.
  return PORT_NAME.test(port) && /[a-z]/.test(port)
}

const PORT = 'a number from 1 to 65535, or the name of a port'

/** A port of a Service by number or by name (IANA service name: at most 15 characters, one a letter). */
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
        message: 'port is a number from 1 to 65535, or the name of a port of the Service',
      },
    ],
  })

/** What a person says about a preview. */
export const previewSpec = z
  .strictObject({
    service: label.describe(
      'The Service that visitors reach: its own in this environment, or that of the nearest base.',
    ),
    port: servicePort.describe("The Service's port, by number or by name."),
    access: z.enum(ACCESS).default('public').describe('Who may open it. public: whoever has the URL.'),
  })
  .describe('What the preview should show.')
export type PreviewSpec = z.infer<typeof previewSpec>

/** What the manager says about a preview. */
export const previewStatus = z
  .object({
    observedGeneration: z.int().min(0).optional().describe('The generation that this status is about.'),
    conditions: conditions.optional(),
    host: z.string().optional().describe('The leftmost label of its host name at the relay.'),
    url: z.string().optional().describe('Where visitors open it.'),
  })
  .describe('What the manager found. Written by it alone.')
export type PreviewStatus = z.infer<typeof previewStatus>

/** The whole resource, strict in what a person writes. */
export const preview = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Preview'),
  metadata,
  spec: previewSpec,
  status: z.looseObject(previewStatus.shape).nullish(),
})
export type Preview = z.infer<typeof preview>
