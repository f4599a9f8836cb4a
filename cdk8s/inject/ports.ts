import { SIDECAR_FIRST_INBOUND_PORT, SIDECAR_MAX_INBOUND_PORTS } from '@branchline/wire/names'
import { type Container, containersOf, type PodTemplate } from './manifest.ts'

const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const
const ACTIONS = ['httpGet', 'tcpSocket', 'grpc'] as const
const SCRAPED = 'prometheus.io/port'

/** Returns the ports on which a pod's own containers say that they listen: declared ports, probes and metrics. */
export function appPorts(template: PodTemplate): number[] {
  const declared = containersOf(template).flatMap(({ ports }) =>
    (ports ?? []).map(({ containerPort }) => containerPort),
  )
  const probed = containersOf(template).flatMap(probedPorts)
  const scraped = Number(template.metadata?.annotations?.[SCRAPED])
  return [...declared, ...probed, ...(Number.isInteger(scraped) ? [scraped] : [])]
}

function probedPorts(container: Container): number[] {
  return PROBES.flatMap((probe) => {
    const actions = container[probe] as Readonly<Record<string, { port?: unknown } | undefined>> | undefined
    return ACTIONS.flatMap((action) => {
      const port = actions?.[action]?.port
      return typeof port === 'number' ? [port] : []
    })
  })
}

/** A number of a local listener, such as `:8080`, `0.0.0.0:8080` or `[::]:8080`. `db:5432` is another host. */
const LOCAL = /(?:^|[\s=,'"]|0\.0\.0\.0|127\.0\.0\.1|localhost|\[::1?\]|\*):(\d{4,5})(?!\d)/g
const BARE = /(?<![\d.:])(\d{4,5})(?![\d.])/g
const NAMES_A_PORT = /port|listen|addr|bind/i

/**
 * Returns the ports on which an app seems to listen without declaring it, with the container that says so: numbers in its
 * command, its arguments and its variables. This is a guess, so no decision rests on it alone.
 */
export function mentionedPorts(template: PodTemplate): Map<number, string> {
  const found = new Map<number, string>()
  for (const container of containersOf(template)) {
    for (const port of portsIn(container)) if (!found.has(port)) found.set(port, container.name)
  }
  return found
}

function* portsIn({ command, args, env }: Container): Generator<number> {
  const words = [command, args].flatMap((list) => (Array.isArray(list) ? list.map(String) : []))
  // An option and its value may be two words: `--port 8080`.
  for (const [index, word] of words.entries()) yield* numbersIn(word, `${words[index - 1] ?? ''} ${word}`)
  for (const { name, value } of env ?? []) if (typeof value === 'string') yield* numbersIn(value, name)
}

function* numbersIn(text: string, context: string): Generator<number> {
  for (const [, digits] of text.matchAll(LOCAL)) yield Number(digits)
  if (!NAMES_A_PORT.test(context)) return
  for (const [, digits] of text.matchAll(BARE)) yield Number(digits)
}

/** Returns the first of the sidecar's ports that is not used. */
export function freePort(used: ReadonlySet<number>): number {
  let port = SIDECAR_FIRST_INBOUND_PORT
  while (used.has(port)) port++
  return port
}

/** The last of the sidecar's ports, if the app uses none of them. */
export const LAST_INBOUND_PORT = SIDECAR_FIRST_INBOUND_PORT + SIDECAR_MAX_INBOUND_PORTS - 1
