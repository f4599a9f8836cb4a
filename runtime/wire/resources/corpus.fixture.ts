import { API_VERSION } from '../names.ts'

/** A resource, and the sentence of its refusal if it is invalid. */
export interface Case {
  readonly what: string
  readonly object: Record<string, unknown>
  readonly refused?: RegExp
  /** Whether the API server refuses it only by CEL or int-or-string, and not by the bare schema. */
  readonly needsServer?: boolean
}

const resource =
  (kind: string) =>
  (what: string, spec: unknown, refused?: RegExp, needsServer?: boolean): Case => ({
    what: `${kind}: ${what}`,
    object: { apiVersion: API_VERSION, kind, metadata: { name: 'alice', namespace: 'alice' }, spec },
    ...(refused === undefined ? {} : { refused }),
    ...(needsServer === undefined ? {} : { needsServer }),
  })
const environment = resource('Environment')
const preview = resource('Preview')

/** Resources on which a parser and an API server with our CRDs agree. */
export const CORPUS: readonly Case[] = [
  environment('shared', { type: 'shared' }),
  environment('personal with a key', { type: 'personal', key: 'al-1' }),
  environment('branch with everything', {
    type: 'branch',
    base: 'baseline',
    key: 'k',
    ttl: '1h30m',
    paused: true,
    onUnavailable: 'fail',
  }),
  environment('the longest key', { type: 'shared', key: 'a'.repeat(63) }),
  environment('no spec', undefined, /^spec is missing: set it to an object$/),
  environment('no type', {}, /^spec.type is missing: set it to one of shared, personal, branch$/),
  environment(
    'another type',
    { type: 'brunch' },
    /^spec.type is "brunch": wanted one of shared, personal, branch$/,
  ),
  environment(
    'an unknown field',
    { type: 'shared', onUnavailble: 'fail' },
    /^spec.onUnavailble is not a known field: did you mean onUnavailable\?/,
  ),
  environment(
    'an upper-case key',
    { type: 'shared', key: 'Alice' },
    /^spec.key is "Alice": wanted at most 63 lower-case letters/,
  ),
  environment(
    'too long a key',
    { type: 'shared', key: 'a'.repeat(64) },
    /^spec.key is "a+": wanted at most 63 characters$/,
  ),
  environment('a number as key', { type: 'shared', key: 7 }, /^spec.key is 7: wanted a text$/),
  environment(
    'no duration',
    { type: 'shared', ttl: '3 days' },
    /^spec.ttl is "3 days": wanted a duration such as 72h/,
  ),
  environment(
    'too short a ttl',
    { type: 'shared', ttl: '59s' },
    /^spec.ttl is "59s": wanted a duration of one minute/,
    true,
  ),
  environment(
    'paused as text',
    { type: 'shared', paused: 'yes' },
    /^spec.paused is "yes": wanted true or false$/,
  ),
  environment(
    'another rule',
    { type: 'shared', onUnavailable: 'wait' },
    /^spec.onUnavailable is "wait": wanted one of baseline, hold, fail$/,
  ),
  {
    what: 'Environment: a name with a dot',
    object: {
      apiVersion: API_VERSION,
      kind: 'Environment',
      metadata: { name: 'a.b', namespace: 'alice' },
      spec: { type: 'shared' },
    },
    refused: /^metadata.name is "a.b": wanted at most 63 lower-case letters/,
    needsServer: true,
  },
  preview('a port by number', { service: 'web', port: 8080 }),
  preview('a port by name', { service: 'web', port: 'http-web', access: 'public' }),
  preview('access for the organization', { service: 'web', port: 80, access: 'organization' }),
  preview('access by token', { service: 'web', port: 80, access: 'token' }),
  preview('no service', { port: 80 }, /^spec.service is missing: set it to a text$/),
  preview(
    'no port',
    { service: 'web' },
    /^spec.port is missing: set it to a number from 1 to 65535, or the name of a port$/,
  ),
  preview('port 0', { service: 'web', port: 0 }, /^spec.port is 0: wanted a number from 1 to 65535/, true),
  preview(
    'port 65536',
    { service: 'web', port: 65536 },
    /^spec.port is 65536: wanted a number from 1 to 65535/,
    true,
  ),
  preview('a number as text', { service: 'web', port: '80' }, /^spec.port is "80": wanted a number/, true),
  preview('half a port', { service: 'web', port: 80.5 }, /^spec.port is 80.5: wanted a number/, true),
  preview(
    'another access',
    { service: 'web', port: 80, access: 'all' },
    /^spec.access is "all": wanted one of public, organization, token$/,
  ),
  preview(
    'an unknown field',
    { service: 'web', port: 80, path: '/' },
    /^spec.path is not a known field: remove it \(fields in spec: service, port, access\)$/,
  ),
]

/** Resources that the API server refuses by CEL, and that the parser leaves to `validate.ts`. */
export const REFUSED_BY_CEL_ALONE: readonly Case[] = [
  environment('a base of a shared one', { type: 'shared', base: 'x' }),
  environment('a branch without base', { type: 'branch' }),
  environment('its own base', { type: 'branch', base: 'alice' }),
]
