import { ANNOTATIONS } from '@branchline/wire/names'
import { imageFault } from '../core/image-fault.ts'
import { type EnvironmentValue, variableFaults, variableOf } from '../core/variable.ts'
import type { Container, PodTemplate } from '../inject/manifest.ts'

/** Amounts by resource, such as `{ memory: '512Mi' }`. null removes one. */
type Amounts = Readonly<Record<string, string | number | null>>

/** What to change in a container. Everything else stays as in the base. */
export interface ContainerChanges {
  readonly image?: string
  /** Variables to add or replace. null removes one. */
  readonly env?: Readonly<Record<string, EnvironmentValue | null>>
  /** Replaces the command and, unless `args` is given, removes the arguments of the base's command. */
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  /** Amounts to add or replace. */
  readonly resources?: { readonly requests?: Amounts; readonly limits?: Amounts }
}

/** What to change in a workload. Everything else stays as in the base. */
export interface OverrideChanges extends ContainerChanges {
  /**
   * The container that image, env, command, args and resources concern. Default: the only one, otherwise the one with
   * the annotation `kubectl.kubernetes.io/default-container` or with the name of the workload.
   */
  readonly container?: string
  /** Changes of other containers and init containers, by name. Default: none. */
  readonly containers?: Readonly<Record<string, ContainerChanges>>
  /** Default: as in the base. */
  readonly replicas?: number
  /** Annotations of the pods to add or replace. null removes one. */
  readonly annotations?: Readonly<Record<string, string | null>>
  /** The command that the embedded cluster runs instead of the image's entrypoint, and its folder. */
  readonly local?: { readonly command?: string | readonly string[]; readonly dir?: string }
}

const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container'
const CONTAINER_FIELDS = ['image', 'env', 'command', 'args', 'resources'] as const

/** Returns the faults of the values, each as the rest of a sentence that begins with the override. */
export function changeFaults(changes: OverrideChanges): string[] {
  const faults = [...containerFaults(changes, '')]
  for (const [name, own] of Object.entries(changes.containers ?? {})) {
    faults.push(...containerFaults(own, `containers.${name}.`))
  }
  const { replicas } = changes
  if (replicas !== undefined && (!Number.isInteger(replicas) || replicas < 0)) {
    faults.push(`replicas is ${replicas}: wanted a whole number, 0 or more`)
  }
  return faults
}

function* containerFaults(changes: ContainerChanges, prefix: string): Generator<string> {
  // A property that is present but undefined is a variable without a value. Ignoring it would run the base's image.
  if ('image' in changes) {
    const fault = imageFault(changes.image)
    if (fault !== undefined) yield `${prefix}image ${fault}`
  }
  const given = Object.entries(changes.env ?? {}).filter(([, value]) => value !== null)
  yield* variableFaults(Object.fromEntries(given), `${prefix}env`)
  for (const field of ['command', 'args'] as const) {
    const words: unknown = changes[field]
    if (words === undefined) continue
    if (Array.isArray(words) && words.every((word) => typeof word === 'string')) continue
    yield `${prefix}${field} is ${JSON.stringify(words)}: wanted a list of texts, such as ["node", "main.js"]`
  }
}

/** Changes a pod template in place. Returns the faults, such as a container that does not exist. */
export function changeTemplate(template: PodTemplate, workload: string, changes: OverrideChanges): string[] {
  const faults: string[] = []
  const concerned = CONTAINER_FIELDS.some((field) => changes[field] !== undefined)
  if (concerned || changes.container !== undefined) {
    const main = mainContainer(template, workload, changes.container)
    if (typeof main === 'string') faults.push(main)
    else changeContainer(main, changes)
  }
  for (const [name, own] of Object.entries(changes.containers ?? {})) {
    const container = allContainers(template).find((it) => it.name === name)
    if (container === undefined) faults.push(unknownContainer('containers', name, allContainers(template)))
    else changeContainer(container, own)
  }
  const annotations = { ...changes.annotations, ...localAnnotations(changes.local) }
  if (Object.keys(annotations).length > 0) {
    const kept = { ...template.metadata?.annotations, ...annotations }
    template.metadata = { ...template.metadata, annotations: withoutNull<string>(kept) }
  }
  return faults
}

/** The annotations by which the embedded cluster runs a command. */
export function localAnnotations(local: OverrideChanges['local']): Record<string, string> {
  const { command, dir } = local ?? {}
  const line = typeof command === 'object' ? JSON.stringify(command) : command
  return {
    ...(line === undefined ? {} : { [ANNOTATIONS.localCommand]: line }),
    ...(dir === undefined ? {} : { [ANNOTATIONS.localDir]: dir }),
  }
}

const allContainers = ({ spec }: PodTemplate): Container[] => [
  ...(spec?.containers ?? []),
  ...(spec?.initContainers ?? []),
]

/** Returns the container to change, or a sentence that names the candidates. */
function mainContainer(template: PodTemplate, workload: string, wanted?: string): Container | string {
  const containers = template.spec?.containers ?? []
  const named = (name: string | undefined) => containers.find((it) => it.name === name)
  if (wanted !== undefined) {
    const found = allContainers(template).find(({ name }) => name === wanted)
    return found ?? unknownContainer('container', wanted, allContainers(template))
  }
  const found =
    (containers.length === 1 ? containers[0] : undefined) ??
    named(template.metadata?.annotations?.[DEFAULT_CONTAINER]) ??
    named(workload)
  return found ?? `it has several containers (${namesOf(containers)}): name the one to change with container`
}

const unknownContainer = (field: string, name: string, known: readonly Container[]): string =>
  `${field} has ${JSON.stringify(name)}, which is not a container of the workload: use one of ${namesOf(known)}`

const namesOf = (containers: readonly Container[]): string => containers.map(({ name }) => name).join(', ')

function changeContainer(container: Container, changes: ContainerChanges): void {
  const { image, env, command, args, resources } = changes
  if (image !== undefined) container['image'] = image
  if (env !== undefined) container.env = changedVariables(container.env ?? [], env)
  if (command !== undefined) {
    container['command'] = [...command]
    // They were the arguments of another program.
    if (args === undefined) delete container['args']
  }
  if (args !== undefined) container['args'] = [...args]
  if (resources !== undefined) container['resources'] = changedResources(container['resources'], resources)
}

function changedVariables(
  before: NonNullable<Container['env']>,
  env: NonNullable<ContainerChanges['env']>,
): NonNullable<Container['env']> {
  const left = new Map(Object.entries(env))
  // A replaced variable keeps its place, because later variables may refer to it.
  const kept = before.flatMap((variable) => {
    if (!(variable.name in env)) return [variable]
    const value = left.get(variable.name) ?? undefined
    left.delete(variable.name)
    return value === undefined ? [] : [variableOf(variable.name, value)]
  })
  const added = [...left].flatMap(([name, value]) => (value === null ? [] : [variableOf(name, value)]))
  return [...kept, ...added]
}

function changedResources(before: unknown, { requests, limits }: NonNullable<ContainerChanges['resources']>) {
  const old = (before ?? {}) as Record<string, Amounts | undefined>
  const changed = (name: string, amounts: Amounts | undefined) =>
    amounts === undefined ? {} : { [name]: withoutNull({ ...old[name], ...amounts }) }
  return { ...old, ...changed('requests', requests), ...changed('limits', limits) }
}

const withoutNull = <T>(map: Readonly<Record<string, T | null>>): Record<string, T> =>
  Object.fromEntries(Object.entries(map).filter((entry): entry is [string, T] => entry[1] !== null))
