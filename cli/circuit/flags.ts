import {
  type BACKENDS,
  type BALANCING,
  circuitCreate,
  type CircuitCreate,
  type STICKINESS,
} from '@branchline/wire/circuits/circuit'
import type { ACCESS_TYPES } from '@branchline/wire/circuits/access'
import type { TargetInput } from '@branchline/wire/circuits/target'
import { CliError } from '../platform/errors.ts'

/** The options of `circuit create` that describe a circuit. */
export interface CircuitFlags {
  readonly target?: readonly TargetInput[]
  readonly label?: string
  readonly host?: readonly string[]
  /** `true`: the relay chooses the port. */
  readonly port?: number | true
  readonly backend?: (typeof BACKENDS)[number]
  readonly balancing?: (typeof BALANCING)[number]
  readonly sticky?: (typeof STICKINESS)[number]
  readonly access?: (typeof ACCESS_TYPES)[number]
  readonly allow?: readonly string[]
  readonly exempt?: readonly string[]
  readonly health?: Health
  readonly limit?: readonly NamedValue[]
  readonly labels?: Readonly<Record<string, string>>
  readonly group?: string
  readonly appHost?: 'circuit' | 'target'
  readonly pathPrefix?: string
  readonly header?: readonly NamedValue[]
  readonly ttl?: string
}

export type Health = NonNullable<CircuitCreate['health']>
export type NamedValue = readonly [name: string, value: string]

/** The limits of a circuit, by their option's names. */
export const LIMIT_NAMES = ['requestsPerSecond', 'connections', 'bodyBytes', 'responseMs'] as const

/** Reads `tcp`, `http` or the path that `http` gets. Undefined for other texts. */
export function parseHealth(text: string): Health | undefined {
  if (text === 'tcp' || text === 'http') return { type: text }
  return text.startsWith('/') ? { type: 'http', path: text } : undefined
}

/** Reads `a=1,b=2`. Undefined for other texts. */
export function parseLabels(text: string): Record<string, string> | undefined {
  const pairs = text.split(',').map((part) => /^([^=]+)=(.*)$/.exec(part.trim()))
  if (pairs.some((pair) => pair === null)) return undefined
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']))
}

/** Reads a limit such as `connections=100`. Undefined for other texts. */
export function parseLimit(text: string): NamedValue | undefined {
  const [, name, value] = /^(\w+)=(\d+)$/.exec(text) ?? []
  const known = LIMIT_NAMES.find((one) => one === name)
  return known === undefined || value === undefined ? undefined : [known, value]
}

/** Reads a header such as `x-team: web`. Undefined for other texts. */
export function parseHeader(text: string): NamedValue | undefined {
  const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):\s*(.*)$/.exec(text) ?? []
  return name === undefined || value === undefined ? undefined : [name.toLowerCase(), value]
}

/**
 * The circuit that the options describe. Throws a {@link CliError} that names every wrong option. What the relay alone
 * knows, such as its ports, is not checked. Pure.
 */
export function circuitOf(key: string, flags: CircuitFlags): CircuitCreate {
  const parsed = circuitCreate.safeParse({
    key,
    frontend: frontendOf(flags),
    ...defined({
      targets: flags.target,
      backend: flags.backend ?? (flags.port === undefined ? undefined : 'tcp'),
      balancing: flags.balancing ?? defaultBalancing(flags),
      stickiness: flags.sticky,
      access: accessOf(flags),
      health: flags.health,
      limits: limitsOf(flags),
      labels: flags.labels,
      placement: flags.group === undefined ? undefined : { group: flags.group },
      rewrite: rewriteOf(flags),
      ttl: flags.ttl,
    }),
  })
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(({ path, message }) => `${optionOf(path)}: ${message}`)
  throw new CliError('BL_USAGE', faults.join('\n'))
}

function frontendOf({ port, label, host }: CircuitFlags): object {
  if (port === undefined) return { type: 'subdomain', ...defined({ label, hosts: host }) }
  if (label !== undefined || host !== undefined)
    throw new CliError(
      'BL_USAGE',
      `--port and ${label === undefined ? '--host' : '--label'}: a circuit has either a host or a port of its own`,
    )
  return { type: 'port', ...(port !== true && { port }) }
}

/** Weights say that requests are to follow them. */
const defaultBalancing = ({ target = [] }: CircuitFlags): 'weighted' | undefined =>
  target.some(({ weight }) => weight !== undefined && weight !== target[0]?.weight) ? 'weighted' : undefined

function accessOf({ access, allow, exempt, port }: CircuitFlags): object | undefined {
  if (access === undefined && allow === undefined && exempt === undefined) return undefined
  // A port circuit with a list of addresses is open to these: it cannot ask for a credential.
  const type = access ?? (port === undefined ? 'organization' : 'public')
  return { type, ...defined({ allow, exempt }) }
}

const limitsOf = ({ limit }: CircuitFlags): object | undefined =>
  limit && Object.fromEntries(limit.map(([name, value]) => [name, Number(value)]))

function rewriteOf({ appHost, pathPrefix, header }: CircuitFlags): object | undefined {
  if (appHost === undefined && pathPrefix === undefined && header === undefined) return undefined
  return defined({ host: appHost, pathPrefix, headers: header && Object.fromEntries(header) })
}

const defined = (all: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))

const OPTIONS: Readonly<Record<string, string>> = {
  'frontend.label': '--label',
  'frontend.hosts': '--host',
  'frontend.port': '--port',
  'access.allow': '--allow',
  'access.exempt': '--exempt',
  'placement.group': '--group',
  'rewrite.pathPrefix': '--path-prefix',
  'rewrite.headers': '--header',
  'rewrite.host': '--app-host',
  stickiness: '--sticky',
  targets: '--target',
  limits: '--limit',
  key: 'the key',
}

function optionOf(path: readonly PropertyKey[]): string {
  const text = path.map(String)
  return OPTIONS[text.slice(0, 2).join('.')] ?? OPTIONS[text[0] ?? ''] ?? `--${text[0]}`
}
