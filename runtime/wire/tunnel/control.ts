import { z } from 'zod'
import { isKey } from '../key.ts'
import { TunnelProtocolError } from './error.ts'

const label = z.string().refine(isKey, 'not a DNS label')
const port = z.number().int().min(1).max(65535)

/** What a stream is for: a port of a Service, as an environment sees it. Never an address. */
const target = z.object({ environment: label, service: label, port })
export type StreamTarget = z.infer<typeof target>

/**
 * A preview that a cluster asks a relay to serve: `label` is the leftmost label of its host, `key` what its
 * requests carry. Of `access` a relay serves `public` alone, and refuses what it does not know.
 */
const preview = z.object({
  label,
  environment: label,
  key: label,
  service: label,
  port,
  access: z.string().max(64),
})
export type RegisteredPreview = z.infer<typeof preview>

/** From a cluster: first `register`, all that it has; then what changes. */
const clusterMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('register'), cluster: label, previews: z.array(preview) }),
  z.object({ type: z.literal('update'), upsert: z.array(preview), remove: z.array(label) }),
  z.object({ type: z.literal('goaway'), reason: z.string().max(1024) }),
])
export type ClusterMessage = z.infer<typeof clusterMessage>

/** What became of a label: its URL, or a sentence that says why it is not served. */
const registration = z.object({
  label,
  url: z.string().max(1024).optional(),
  refusal: z.string().max(1024).optional(),
})
export type Registration = z.infer<typeof registration>

/** From a relay: an answer for every label asked for, again whenever that changes; `goaway` before it ends. */
const relayMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('registered'), previews: z.array(registration) }),
  z.object({ type: z.literal('goaway'), reason: z.string().max(1024) }),
])
export type RelayMessage = z.infer<typeof relayMessage>

/** Parses what an OPEN frame wants; throws a {@link TunnelProtocolError}. */
export const parseTarget = (payload: Uint8Array): StreamTarget => parse(target, 'OPEN', payload)
/** Parses a control message of a cluster; throws a {@link TunnelProtocolError}. */
export const parseClusterMessage = (payload: Uint8Array): ClusterMessage =>
  parse(clusterMessage, 'a cluster’s control message', payload)
/** Parses a control message of a relay; throws a {@link TunnelProtocolError}. */
export const parseRelayMessage = (payload: Uint8Array): RelayMessage =>
  parse(relayMessage, 'a relay’s control message', payload)

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parse<T>(schema: z.ZodType<T>, what: string, payload: Uint8Array): T {
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(payload))
  } catch {
    throw new TunnelProtocolError('protocol', `${what} is not JSON in UTF-8`)
  }
  const result = schema.safeParse(json)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const field = issue?.path.join('.') ?? ''
  throw new TunnelProtocolError(
    'protocol',
    `${what}: ${field === '' ? '' : `${field}: `}${issue?.message ?? ''}`,
  )
}
