import http from 'node:http'
import https from 'node:https'
import { printableLine } from '@branchline/runtime/local/printable'
import { EXPLAIN_HEADER } from '@branchline/wire/explain'
import { type Hop, hop } from '@branchline/wire/routes/hop'

/** The path that a request took. */
export interface ExplainedRoute {
  readonly status: number
  readonly traceId: string
  /** In the order in which the request reached them. */
  readonly hops: readonly Hop[]
}

/** A hop and the hops that follow it. */
export interface HopNode {
  readonly hop: Hop
  readonly children: HopNode[]
}

export interface ExplainOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Limit of each request, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number
}

/** How long to wait for late hops before each query, in milliseconds. */
const SETTLE_MS = 150
const SETTLE_TRIES = 5
const MAX_RESPONSE = 1024 * 1024

/** The path of a request is unknown. The message states the reason and the remedy. */
class ExplainError extends Error {
  readonly code = 'BL_ROUTE_EXPLAIN'
  constructor(message: string) {
    super(message)
    this.name = 'ExplainError'
  }
}

/**
 * Sends a request that asks for its path, then queries the hops that sidecars reported, until no more arrive. Throws an
 * {@link ExplainError} if the response does not state the path, because no sidecar may or can report it.
 */
export async function explainRoute(url: string, options: ExplainOptions = {}): Promise<ExplainedRoute> {
  const response = await send(url, '1', options)
  const field = response.headers[EXPLAIN_HEADER]
  const traceId = /;trace="([0-9a-f]{32})"/.exec(String(field))?.[1]
  if (traceId === undefined) {
    const problem = problemOf(response)
    if (problem !== undefined) throw new ExplainError(`${url} returned ${response.status}: ${problem}`)
    throw new ExplainError(
      `${url} returned ${response.status} without the path of the request: the relay must allow it ` +
        '(BRANCHLINE_ROUTE_EXPLAIN=allow), and the service must have a sidecar',
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
  return { status: response.status, traceId, hops: hopsInOrder(hops) }
}

/** Sorts hops in the order in which the request reached them. If clocks disagree, the parent of a hop decides. */
export function hopsInOrder(hops: readonly Hop[]): Hop[] {
  const below = ({ hop, children }: HopNode): Hop[] => [hop, ...children.flatMap(below)]
  return treeOf(hops).flatMap(below)
}

/**
 * Builds a tree of hops by the parent that each hop names. A tracer between two hops may replace the parent id. The
 * parent is then the hop that began last among the hops whose time includes this one.
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

/** Reports whether a node is `top` or below it. Input from outside may name parents in a circle. */
function isBelow(node: HopNode, top: HopNode, parents: ReadonlyMap<HopNode, HopNode>): boolean {
  for (let at: HopNode | undefined = node; at !== undefined; at = parents.get(at)) if (at === top) return true
  return false
}

// The tolerance is a millisecond, because clocks differ and the end is recorded after the fact.
const isWithin = (inner: Hop, outer: Hop): boolean =>
  inner.startMs >= outer.startMs && inner.startMs + inner.ms <= outer.startMs + outer.ms + 1

/** Formats the tree of hops as text. */
export function explainText({ status, traceId, hops }: ExplainedRoute): string {
  // Hops contain text from peers.
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
  const result = status === 0 ? 'no response' : String(status)
  return `${to}  ${why}  ${endpoints.at(-1) ?? 'no endpoint'}${tried}  ${result}  ${ms.toFixed(1)} ms`
}

interface ExplainResponse {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

const TIMEOUT_MS = 30_000

function send(
  url: string,
  query: string,
  { method, headers, timeoutMs }: ExplainOptions,
): Promise<ExplainResponse> {
  const target = new URL(url)
  // A host below localhost is this machine (RFC 6761, 6.3), but not every resolver knows that.
  const local = target.hostname.endsWith('.localhost')
  const options: http.RequestOptions = {
    method: method ?? 'GET',
    headers: { ...headers, host: target.host, [EXPLAIN_HEADER]: query },
    ...(local && { hostname: '127.0.0.1' }),
    signal: AbortSignal.timeout(timeoutMs ?? TIMEOUT_MS),
  }
  return new Promise((resolve, reject) => {
    const request = (target.protocol === 'https:' ? https : http).request(target, options, (response) => {
      let body = ''
      response.setEncoding('utf8').on('error', reject)
      response.on('data', (text: string) => (body.length < MAX_RESPONSE ? (body += text) : undefined))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    request.on('error', reject).end()
  })
}

/** Returns the problem in a response of the relay or a sidecar (RFC 9457), or undefined for other responses. */
function problemOf({ headers, body }: ExplainResponse): string | undefined {
  if (headers['content-type']?.startsWith('application/problem+json') !== true) return undefined
  try {
    const { type, detail } = JSON.parse(body) as { type?: unknown; detail?: unknown }
    const isOurs = typeof type === 'string' && type.startsWith('urn:branchline:')
    return isOurs && typeof detail === 'string' ? detail : undefined
  } catch {
    return undefined
  }
}

function parseHops({ status, body }: ExplainResponse): Hop[] {
  if (status !== 200)
    throw new ExplainError(`the hops are not available (${status}): ${body.trim().slice(0, 200)}`)
  const { hops } = JSON.parse(body) as { hops: unknown }
  return hop.array().parse(hops)
}
