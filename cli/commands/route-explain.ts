import http from 'node:http'
import https from 'node:https'
import { printableLine } from '@branchline/runtime/local/printable'
import { EXPLAIN_HEADER } from '@branchline/wire/explain'
import { type Hop, hop } from '@branchline/wire/routes/hop'

/** What a request's way turned out to be. */
export interface ExplainedRoute {
  readonly status: number
  readonly traceId: string
  /** In the order in which the request came by. */
  readonly hops: readonly Hop[]
}

/** A hop, with those that it led to. */
export interface HopNode {
  readonly hop: Hop
  readonly children: HopNode[]
}

export interface ExplainOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** For each of the requests. Default: 30 s. */
  readonly timeoutMs?: number
}

/** How long late hops are waited for, and between two questions. */
const SETTLE_MS = 150
const SETTLE_TRIES = 5
const MAX_ANSWER = 1024 * 1024

/** Why no way could be told, with what to do. */
class ExplainError extends Error {
  readonly code = 'BL_ROUTE_EXPLAIN'
  constructor(message: string) {
    super(message)
    this.name = 'ExplainError'
  }
}

/**
 * Sends a request that asks for its way, then asks for the hops that sidecars have reported of it, until no more
 * come. Throws an {@link ExplainError} where the answer tells no way: nobody on it may, or could.
 */
export async function explainRoute(url: string, options: ExplainOptions = {}): Promise<ExplainedRoute> {
  const asked = await send(url, '1', options)
  const field = asked.headers[EXPLAIN_HEADER]
  const traceId = /;trace="([0-9a-f]{32})"/.exec(String(field))?.[1]
  if (traceId === undefined) {
    const problem = problemOf(asked)
    if (problem !== undefined) throw new ExplainError(`${url} answered ${asked.status}: ${problem}`)
    throw new ExplainError(
      `${url} answered ${asked.status}, and not which way the request took: the relay must allow it ` +
        '(BRANCHLINE_ROUTE_EXPLAIN=allow), and a service with a sidecar must answer',
    )
  }
  let hops: Hop[] = []
  for (let tries = 0; tries < SETTLE_TRIES; tries++) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    const found = parseHops(
      await send(url, `hops=${traceId}`, { timeoutMs: options.timeoutMs ?? TIMEOUT_MS }),
    )
    if (found.length > 0 && found.length === hops.length) break
    hops = found
  }
  return { status: asked.status, traceId, hops: hopsInOrder(hops) }
}

/** Hops in the order in which the request came by: where clocks disagree, whom a hop names as its parent counts. */
export function hopsInOrder(hops: readonly Hop[]): Hop[] {
  const below = ({ hop, children }: HopNode): Hop[] => [hop, ...children.flatMap(below)]
  return treeOf(hops).flatMap(below)
}

/**
 * The hops as a tree: by the parent that a hop names; where none of the others is that, since a tracer on the way
 * has put its own in its place, it was led to by the one that began last of those within whose time it ran.
 */
export function treeOf(hops: readonly Hop[]): HopNode[] {
  const nodes = hops
    .toSorted((one, other) => one.startMs - other.startMs || other.ms - one.ms)
    .map((hop): HopNode => ({ hop, children: [] }))
  const named = new Map(nodes.map((node) => [node.hop.id, node]))
  const parents = new Map<HopNode, HopNode>()
  const adopt = (node: HopNode, parent: HopNode | undefined): void => {
    if (parent !== undefined && !isBelow(parent, node, parents)) parents.set(node, parent)
  }
  for (const node of nodes) if (node.hop.parent !== undefined) adopt(node, named.get(node.hop.parent))
  for (const [index, node] of nodes.entries()) {
    if (parents.has(node)) continue
    adopt(
      node,
      nodes.slice(0, index).findLast(({ hop }) => isWithin(node.hop, hop)),
    )
  }
  for (const node of nodes) parents.get(node)?.children.push(node)
  return nodes.filter((node) => !parents.has(node))
}

/** Whether a node is another one, or below it: what comes from outside may name parents in a circle. */
function isBelow(node: HopNode, top: HopNode, parents: ReadonlyMap<HopNode, HopNode>): boolean {
  for (let at: HopNode | undefined = node; at !== undefined; at = parents.get(at)) if (at === top) return true
  return false
}

// A millisecond, since clocks of several machines differ, and an end is told after it was.
const isWithin = (inner: Hop, outer: Hop): boolean =>
  inner.startMs >= outer.startMs && inner.startMs + inner.ms <= outer.startMs + outer.ms + 1

/** The tree as lines for people. */
export function explainText({ status, traceId, hops }: ExplainedRoute): string {
  // Hops tell what peers say of themselves.
  const lines = treeOf(hops)
    .flatMap((node) => linesOf(node, '', ''))
    .map(printableLine)
  return [`${status}  trace ${traceId}`, ...lines, ''].join('\n')
}

function linesOf({ hop, children }: HopNode, first: string, rest: string): string[] {
  const below = children.flatMap((child, index) =>
    index < children.length - 1
      ? linesOf(child, `${rest}├─ `, `${rest}│  `)
      : linesOf(child, `${rest}└─ `, `${rest}   `),
  )
  return [first + lineOf(hop), ...below]
}

function lineOf({ service, at, environment, reason, key, source, endpoints, status, ms }: Hop): string {
  const to = at === environment ? `${service} (${at})` : `${service} (${at} → ${environment})`
  const why = key === undefined ? reason : `${reason}, key ${key} from ${source ?? 'elsewhere'}`
  const tried = endpoints.length > 1 ? ` after ${endpoints.slice(0, -1).join(', ')}` : ''
  const answer = status === 0 ? 'no answer' : String(status)
  return `${to}  ${why}  ${endpoints.at(-1) ?? 'nowhere'}${tried}  ${answer}  ${ms.toFixed(1)} ms`
}

interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

const TIMEOUT_MS = 30_000

function send(url: string, way: string, { method, headers, timeoutMs }: ExplainOptions): Promise<Answer> {
  const target = new URL(url)
  // A host below localhost is this machine (RFC 6761, 6.3), which not every resolver knows.
  const local = target.hostname.endsWith('.localhost')
  const options: http.RequestOptions = {
    method: method ?? 'GET',
    headers: { ...headers, host: target.host, [EXPLAIN_HEADER]: way },
    ...(local && { hostname: '127.0.0.1' }),
    signal: AbortSignal.timeout(timeoutMs ?? TIMEOUT_MS),
  }
  return new Promise((resolve, reject) => {
    const request = (target.protocol === 'https:' ? https : http).request(target, options, (response) => {
      let body = ''
      response.setEncoding('utf8').on('error', reject)
      response.on('data', (text: string) => (body.length < MAX_ANSWER ? (body += text) : undefined))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    request.on('error', reject).end()
  })
}

/** What our own relay or sidecar says is wrong (RFC 9457); undefined for whatever else answered. */
function problemOf({ headers, body }: Answer): string | undefined {
  if (headers['content-type']?.startsWith('application/problem+json') !== true) return undefined
  try {
    const { type, detail } = JSON.parse(body) as { type?: unknown; detail?: unknown }
    const isOurs = typeof type === 'string' && type.startsWith('urn:branchline:')
    return isOurs && typeof detail === 'string' ? detail : undefined
  } catch {
    return undefined
  }
}

function parseHops({ status, body }: Answer): Hop[] {
  if (status !== 200)
    throw new ExplainError(`the way cannot be told (${status}): ${body.trim().slice(0, 200)}`)
  const { hops } = JSON.parse(body) as { hops: unknown }
  return hop.array().parse(hops)
}
