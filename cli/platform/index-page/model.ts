import { describeProblem, type LogLine, type Problem } from '@branchline/runtime/local/types'
import { plainLog } from '@branchline/runtime/local/printable'
import { SIDECAR_CONTAINER } from '@branchline/wire/names'
import type { EnvironmentView } from '../platform.ts'
import type { ServiceView } from '../services-view.ts'

/** What the index reads from the platform, each time that somebody looks. */
export interface IndexSource {
  readonly folder: string
  environments(): readonly EnvironmentView[]
  services(): readonly ServiceView[]
  problems(): readonly Problem[]
  logs(namespace: string, pod: string): readonly LogLine[]
}

/** A service on the index, with its last lines. */
export interface IndexService extends Omit<ServiceView, 'pods'> {
  readonly pods: readonly { readonly name: string; readonly lines: readonly string[] }[]
}

export interface IndexEnvironment extends EnvironmentView {
  readonly services: readonly IndexService[]
}

/** All that the index shows, also as JSON. */
export interface Index {
  readonly folder: string
  readonly environments: readonly IndexEnvironment[]
  readonly problems: readonly (Problem & { readonly text: string })[]
}

/** How much of the end of each pod's output a page shows: whole lines within both bounds. */
export interface OutputLimit {
  readonly lines: number
  /** In bytes of UTF-8. A longer last line is cut. */
  readonly bytes: number
}

/** What the index shows of each pod. */
const INDEX_LIMIT: OutputLimit = { lines: 3, bytes: 4 * 1024 }

/** Returns what the index shows now. */
export function indexOf(source: IndexSource): Index {
  const services = source.services()
  return {
    folder: source.folder,
    environments: source.environments().map((environment) => environmentOf(source, environment, services)),
    problems: source.problems().map(problemOf),
  }
}

function environmentOf(
  source: IndexSource,
  environment: EnvironmentView,
  services: readonly ServiceView[],
): IndexEnvironment {
  const own = services.filter(({ namespace }) => namespace === environment.namespace)
  return { ...environment, services: own.map((service) => withLines(source, service, INDEX_LIMIT)) }
}

const problemOf = (problem: Problem): Index['problems'][number] => ({
  ...problem,
  text: describeProblem(problem),
})

/** A service with the end of the output of its pods. They share the limit of bytes. Undefined if there is no such service. */
export function serviceOf(
  source: IndexSource,
  namespace: string,
  name: string,
  limit: OutputLimit,
): IndexService | undefined {
  const found = source.services().find((one) => one.namespace === namespace && one.name === name)
  const bytes = Math.floor(limit.bytes / Math.max(found?.pods.length ?? 1, 1))
  return found && withLines(source, found, { ...limit, bytes })
}

function withLines(source: IndexSource, service: ServiceView, limit: OutputLimit): IndexService {
  const pods = service.pods.map((name) => {
    const own = source
      .logs(service.namespace, name)
      .filter(({ container, text }) => container !== SIDECAR_CONTAINER && text.trim() !== '')
    return { name, lines: lastLines(own, limit) }
  })
  return { ...service, pods }
}

function lastLines(all: readonly LogLine[], { lines, bytes }: OutputLimit): string[] {
  const kept: string[] = []
  let left = bytes
  for (const { text } of all.slice(-lines).toReversed()) {
    const line = plainLog(text)
    const length = Buffer.byteLength(line) + 1
    if (length > left && kept.length > 0) break
    kept.push(length > left ? `${Buffer.from(line).toString('utf8', 0, left)}…` : line)
    left -= length
  }
  return kept.toReversed()
}
