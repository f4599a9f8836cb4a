import { STATUS_CODES } from 'node:http'
import { printableLine } from '@branchline/runtime/local/printable'
import type { Hop } from '@branchline/wire/routes/hop'
import type { Missed, TcpHop } from '@branchline/wire/routes/traffic'
import type { ExplainedRoute } from './explain.ts'
import { type HopNode, treeOf } from './tree.ts'

/** Formats a route as text: the tree with one line per hop, what it did not reach, and a legend of its words. */
export function explainText({ status, traceId, hops, missed, tcp }: ExplainedRoute): string {
  const tree = treeOf(hops).flatMap((node) => linesOf(node, tcp, '', ''))
  const parts = [
    [`${status} ${STATUS_CODES[status] ?? ''}`.trim() + `, trace ${traceId}`],
    tree,
    missed.map(missedLine),
    legend(hops, tcp),
  ]
  // Hops contain text from peers.
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => `${printableLine(line)}\n`).join(''))
    .join('\n')
}

function linesOf({ hop, children }: HopNode, tcp: readonly TcpHop[], first: string, rest: string): string[] {
  const calls = isServed(hop) ? tcp.filter(({ from }) => from === hop.service).map(tcpLine) : []
  const subtrees = [
    ...children.map((child) => (start: string, more: string) => linesOf(child, tcp, start, more)),
    ...calls.map((line) => (start: string) => [start + line]),
  ]
  const below = subtrees.flatMap((subtree, index) =>
    index < subtrees.length - 1 ? subtree(`${rest}├─ `, `${rest}│  `) : subtree(`${rest}└─ `, `${rest}   `),
  )
  return [first + lineOf(hop), ...below]
}

/** Whether the app next to the sidecar served the request. */
const isServed = ({ at, environment }: Hop): boolean => at === environment

function lineOf({ service, at, environment, reason, key, source, endpoints, status, ms }: Hop): string {
  const to = at === environment ? `${service} (${at})` : `${service} (${at} → ${environment})`
  const why = key === undefined ? reason : `${reason}, key ${key} from ${source ?? 'elsewhere'}`
  const tried = endpoints.length > 1 ? ` after ${endpoints.slice(0, -1).join(', ')}` : ''
  const result = status === 0 ? 'no response' : String(status)
  return `${to}  ${why}  ${endpoints.at(-1) ?? 'no endpoint'}${tried}  ${result}  ${ms.toFixed(1)} ms`
}

const tcpLine = ({ service, environment }: TcpHop): string => `${service} (${environment})  tcp`

function missedLine({ override, by, called }: Missed): string {
  if (by === undefined || called === undefined)
    return `${override} is overridden as well, but was not reached with the key`
  return `${override} was not reached with the key: ${by} called ${called} without it; see docs/propagation.md`
}

/** What the words of a hop mean, in the order of the decision. */
const REASONS: Readonly<Record<string, string>> = {
  'no-table': 'the sidecar has no routes for this port, so the app next to it serves',
  routed: 'another sidecar chose this version',
  'no-key': 'the request has no key',
  override: 'the environment of the key runs this service itself',
  own: 'the nearest environment that runs this service for the key is this one',
  base: 'this environment does not run the service for the key, so its base decides',
}
const SOURCES: Readonly<Record<string, string>> = {
  header: 'the header that is configured for keys',
  id: 'a trace id or request id; the app before did not forward tracestate or baggage',
  caller: "the address of the caller's pod, which belongs to a branch",
}

/** Explains the words that occur. */
function legend(hops: readonly Hop[], tcp: readonly TcpHop[]): string[] {
  if (hops.length === 0) return []
  const lines: [string, string][] = [['service (environment)', 'why, endpoint, status, time of the response']]
  if (!hops.every(isServed)) lines.push(['(one → other)', 'the sidecar of one sent the request to other'])
  const occurring = <T>(words: Readonly<Record<string, T>>, used: readonly (string | undefined)[]) =>
    Object.entries(words).filter(([word]) => used.includes(word))
  lines.push(
    ...occurring(
      REASONS,
      hops.map(({ reason }) => reason),
    ),
  )
  for (const [source, text] of occurring(
    SOURCES,
    hops.map((hop) => hop.source),
  ))
    lines.push([`key … from ${source}`, text])
  if (tcp.length > 0)
    lines.push(['tcp', 'a known connection, not HTTP: the pod that opened it decides, not the key'])
  const width = Math.max(...lines.map(([word]) => word.length))
  return lines.map(([word, text]) => `${word.padEnd(width)}  ${text}`)
}
