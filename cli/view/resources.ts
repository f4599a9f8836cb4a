import type { KubernetesObject } from '@branchline/wire/kubernetes'

/** A condition, as every kind of Kubernetes has it. */
export interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastTransitionTime?: string
}

/** An Environment, a Preview or a Service as a server returns it. A field may be missing, whatever the CRD says. */
export interface EnvironmentObject extends KubernetesObject {
  readonly spec?: {
    readonly type?: string
    readonly base?: string
    readonly key?: string
    readonly ttl?: string
    readonly paused?: boolean
    readonly onUnavailable?: string
  }
  readonly status?: {
    readonly conditions?: readonly Condition[]
    readonly key?: string
    readonly overrides?: readonly string[]
    readonly overridesSummary?: string
    readonly sidecars?: {
      readonly acknowledged?: number
      readonly total?: number
      readonly epoch?: number
      readonly connected?: number
      readonly summary?: string
    }
    readonly routes?: string
    readonly previews?: readonly { readonly name: string; readonly ready?: boolean; readonly url?: string }[]
    readonly expiresAt?: string
  }
}

export interface PreviewObject extends KubernetesObject {
  readonly spec?: { readonly service?: string; readonly port?: number | string; readonly access?: string }
  readonly status?: {
    readonly conditions?: readonly Condition[]
    readonly url?: string
    readonly host?: string
  }
}

export interface ServiceObject extends KubernetesObject {
  readonly spec?: {
    readonly selector?: Readonly<Record<string, string>>
    readonly ports?: readonly { readonly name?: string; readonly port: number; readonly protocol?: string }[]
  }
}

export interface ContainerStatus {
  readonly name: string
  readonly ready?: boolean
  readonly restartCount?: number
  readonly image?: string
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string }
    readonly terminated?: { readonly reason?: string; readonly exitCode?: number }
  }
}

export interface PodObject extends KubernetesObject {
  readonly spec?: {
    readonly containers?: readonly { readonly name: string; readonly image?: string }[]
    readonly initContainers?: readonly {
      readonly name: string
      readonly image?: string
      readonly restartPolicy?: string
    }[]
    readonly nodeName?: string
  }
  readonly status?: {
    readonly phase?: string
    readonly reason?: string
    readonly podIP?: string
    readonly conditions?: readonly Condition[]
    readonly containerStatuses?: readonly ContainerStatus[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
  }
}

type WithConditions = { readonly status?: { readonly conditions?: readonly Condition[] } }

export const conditionsOf = ({ status }: WithConditions): readonly Condition[] => status?.conditions ?? []

/** Whether the manager reports an Environment or a Preview as ready. */
export const isReady = (object: WithConditions): boolean =>
  conditionsOf(object).some(({ type, status }) => type === 'Ready' && status === 'True')

/** Conditions that repeat what Ready says, or that say what is in a column of its own. */
const NO_REASONS = new Set(['Ready', 'Reconciling', 'Stalled'])

/**
 * What a user should read below an Environment or a Preview: why it is not ready, and every other condition that holds,
 * such as Warnings. One sentence each.
 */
export function reasonsOf(object: WithConditions): string[] {
  const conditions = conditionsOf(object)
  const ready = conditions.find(({ type }) => type === 'Ready')
  if (ready === undefined) return ['the manager has not seen it yet']
  const why = ready.status === 'True' ? [] : [ready]
  return [...why, ...conditions.filter(({ type, status }) => status === 'True' && !NO_REASONS.has(type))].map(
    ({ reason, message }) => [reason, message].filter((part) => part !== undefined && part !== '').join(': '),
  )
}

/** What most texts about an environment show, with the defaults of the CRD. */
export interface EnvironmentFacts {
  readonly namespace: string
  readonly type: string
  readonly base: string
  readonly key: string
  readonly overrides: readonly string[]
  readonly urls: readonly string[]
}

export function factsOf({ metadata, spec = {}, status = {} }: EnvironmentObject): EnvironmentFacts {
  const { type = '-', base = '-', key = metadata.name } = spec
  const { overrides = [], previews = [] } = status
  return {
    namespace: metadata.namespace ?? '-',
    type,
    base,
    key: status.key ?? key,
    overrides,
    urls: previews.flatMap(({ url }) => url ?? []),
  }
}

/** The name of the environment to which a namespace belongs, or undefined. */
export const environmentOfNamespace = (
  namespace: string | undefined,
  environments: readonly EnvironmentObject[],
): EnvironmentObject | undefined => environments.find(({ metadata }) => metadata.namespace === namespace)

/** An environment and those above it, nearest first. Stops at a base that does not exist, or in a circle. */
export function chainOf(
  environment: EnvironmentObject,
  environments: readonly EnvironmentObject[],
): EnvironmentObject[] {
  const chain = [environment]
  for (;;) {
    const base = chain.at(-1)?.spec?.base
    const next = environments.find(({ metadata }) => metadata.name === base)
    if (next === undefined || chain.includes(next)) return chain
    chain.push(next)
  }
}

/** Environments in the order of a tree: each base before its branches, otherwise by name. */
export function inTreeOrder(environments: readonly EnvironmentObject[]): EnvironmentObject[] {
  const byName = environments.toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name))
  const placed: EnvironmentObject[] = []
  const place = (one: EnvironmentObject): void => {
    if (placed.includes(one)) return
    placed.push(one)
    for (const other of byName) if (other.spec?.base === one.metadata.name) place(other)
  }
  for (const one of byName) if (!byName.some(({ metadata }) => metadata.name === one.spec?.base)) place(one)
  // Those of a circle have no beginning.
  for (const one of byName) place(one)
  return placed
}
