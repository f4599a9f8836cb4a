import { MAX_STREAM_ID } from './limits.ts'
import type { Json } from '../json.ts'
import { label, parse, port, printable, urlOf, webSocketUrl } from './parse.ts'

/** The target of a stream: a port of a Service, as an environment sees it. Never an address. */
export interface StreamTarget {
  readonly environment: string
  readonly service: string
  readonly port: number
}

/**
 * A preview that a cluster asks a relay to serve. `label` is the leftmost label of its host. `key` is the routing key of
 * its requests. `access` is that of a circuit (circuits/access.ts); an older manager sends `public` alone, and a relay
 * serves no preview whose value it does not know.
 */
export interface RegisteredPreview extends StreamTarget {
  readonly label: string
  readonly key: string
  readonly access: string
  /**
   * The protocol that the cluster declares for the port. Absent if it is not known, or is none of these. A relay then
   * sends HTTP/1.1, and HTTP/2 only for what needs it (gRPC).
   */
  readonly protocol?: PreviewProtocol
}

/** The protocols that a preview may have. */
export type PreviewProtocol = (typeof PREVIEW_PROTOCOLS)[number]
export const PREVIEW_PROTOCOLS = ['http', 'http2', 'grpc'] as const

/** A message from a cluster: first a {@link Register} with all its previews, then an {@link Update} per change. */
export type ClusterMessage = Register | Update | GoAway

/** The first message of a connection. */
export interface Register extends Page {
  readonly type: 'register'
  readonly cluster: string
  /** The process of the cluster. Absent if the cluster has only one. */
  readonly instance?: string
  /**
   * Which connection of this process it is, where the process has several. Absent: the first (0). Only for a relay
   * that has said how many {@link Registered.streams} it opens.
   */
  readonly link?: number
  readonly previews: RegisteredPreview[]
}

/** New and changed previews, and labels that the cluster gives up. */
export interface Update extends Page {
  readonly type: 'update'
  readonly upsert: RegisteredPreview[]
  readonly remove: string[]
}

interface Page {
  /** True if the next `update` continues this message. Until the last one, no label counts as given up. */
  readonly more?: boolean
  /** Whether this instance leads its cluster. Absent if that has not changed. */
  readonly leads?: boolean
}

/** The result for a label: its URL, or a sentence that says why the relay does not serve it. */
export interface Registration {
  readonly label: string
  /** An `http:` or `https:` URL whose host begins with the label. */
  readonly url?: string
  readonly refusal?: string
}

/** A message from a relay: the result for every registered label, again after each change; `goaway` before it stops. */
export type RelayMessage = Registered | GoAway

export interface Registered {
  readonly type: 'registered'
  readonly previews: Registration[]
  /** True if another instance of the cluster leads. */
  readonly led?: boolean
  /**
   * How many streams the relay opens on this connection at a time. A relay that says so takes further connections of
   * one process. Only in the answer to a `register`.
   */
  readonly streams?: number
  /**
   * WebSocket URLs of other workers of the same relay. A cluster that keeps a connection to each of them too is reached
   * without a detour, and outlives the loss of a worker. Absent: as before.
   */
  readonly workers?: string[]
}

interface GoAway {
  readonly type: 'goaway'
  readonly reason: string
}

const MAX_ACCESS = 64
/** The most further workers to which a cluster connects. */
const MAX_WORKERS = 2
/** The highest number of a connection of one process. */
const MAX_LINK = 255
const MAX_TEXT = 1024

/** Parses what an OPEN frame wants; throws a {@link TunnelProtocolError}. */
export const parseTarget = (payload: Uint8Array): StreamTarget => parse('OPEN', payload, readTarget)
/** Parses a control message of a cluster; throws a {@link TunnelProtocolError}. */
export const parseClusterMessage = (payload: Uint8Array): ClusterMessage =>
  parse('a cluster’s control message', payload, readClusterMessage)
/** Parses a control message of a relay; throws a {@link TunnelProtocolError}. */
export const parseRelayMessage = (payload: Uint8Array): RelayMessage =>
  parse('a relay’s control message', payload, readRelayMessage)

/** Reads the fields of a {@link StreamTarget}. */
export const readTarget = (from: Json): StreamTarget => ({
  environment: label(from.at('environment')),
  service: label(from.at('service')),
  port: port(from.at('port')),
})

function readPreview(from: Json): RegisteredPreview {
  // A later version may have others.
  const protocol = PREVIEW_PROTOCOLS.find((known) => from.at('protocol').is(known))
  return {
    label: label(from.at('label')),
    ...readTarget(from),
    key: label(from.at('key')),
    access: printable(MAX_ACCESS)(from.at('access')),
    ...(protocol !== undefined && { protocol }),
  }
}

function readClusterMessage(from: Json): ClusterMessage {
  const type = from.at('type')
  if (type.is('register')) {
    const previews = from.at('previews').list(readPreview)
    const instance = from.at('instance').optional(label)
    const link = from.at('link').optional((it) => it.number(0, MAX_LINK))
    const cluster = label(from.at('cluster'))
    return {
      type: 'register',
      cluster,
      previews,
      ...(instance !== undefined && { instance }),
      ...(link !== undefined && { link }),
      ...readPage(from),
    }
  }
  if (type.is('update')) {
    const remove = from.at('remove').list(label)
    return { type: 'update', upsert: from.at('upsert').list(readPreview), remove, ...readPage(from) }
  }
  return readGoAway(from, 'register, update or goaway')
}

function readPage(from: Json): Page {
  const more = from.at('more').optional((it) => it.flag())
  const leads = from.at('leads').optional((it) => it.flag())
  return { ...(more !== undefined && { more }), ...(leads !== undefined && { leads }) }
}

function readRelayMessage(from: Json): RelayMessage {
  if (!from.at('type').is('registered')) return readGoAway(from, 'registered or goaway')
  const led = from.at('led').optional((it) => it.flag())
  const streams = from.at('streams').optional((it) => it.number(1, MAX_STREAM_ID))
  const previews = from.at('previews').list(readRegistration)
  const workers = from.at('workers').optional((it) => it.list(webSocketUrl))
  return {
    type: 'registered',
    previews,
    ...(workers !== undefined && { workers: workers.slice(0, MAX_WORKERS) }),
    ...(led !== undefined && { led }),
    ...(streams !== undefined && { streams }),
  }
}

function readRegistration(from: Json): Registration {
  const name = label(from.at('label'))
  const url = from.at('url').optional(urlOf(name))
  const refusal = from.at('refusal').optional(printable(MAX_TEXT))
  return {
    label: name,
    ...(url !== undefined && { url }),
    ...(refusal !== undefined && { refusal }),
  }
}

function readGoAway(from: Json, types: string): GoAway {
  const type = from.at('type')
  if (!type.is('goaway')) throw type.fault(types)
  return { type: 'goaway', reason: printable(MAX_TEXT)(from.at('reason')) }
}
