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

/** How many of the last lines of each pod the index shows. */
const LINES = 3

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
  return { ...environment, services: own.map((service) => withLines(source, service, LINES)) }
}

const problemOf = (problem: Problem): Index['problems'][number] => ({
  ...problem,
  text: describeProblem(problem),
})

/** A service with the last lines of each of its pods. Undefined if there is no such service. */
export function serviceOf(
  source: IndexSource,
  namespace: string,
  name: string,
  lines: number,
): IndexService | undefined {
  const found = source.services().find((one) => one.namespace === namespace && one.name === name)
  return found && withLines(source, found, lines)
}

function withLines(source: IndexSource, service: ServiceView, count: number): IndexService {
  const pods = service.pods.map((name) => {
    const own = source
      .logs(service.namespace, name)
      .filter(({ container, text }) => container !== SIDECAR_CONTAINER && text.trim() !== '')
    return { name, lines: own.slice(-count).map(({ text }) => plainLog(text)) }
  })
  return { ...service, pods }
}
