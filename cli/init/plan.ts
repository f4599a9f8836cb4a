import type { Manifest } from '@branchline/cdk8s/inject'
import { podTemplateOf, type PodTemplate, serviceSpecOf } from '@branchline/cdk8s/inject/manifest'
import { API_VERSION } from '@branchline/wire/names'
import { parseEnvironment } from '@branchline/wire/resources/parse'
import { type Entry, findEntries } from './entries.ts'
import type { Described, LocalRun } from './sources.ts'

/** The options of an initialisation. */
export interface InitRequest {
  /** The name of the Environment. */
  readonly name: string
  /** The namespace of the app. Default: the only one of the manifests, or `default` if they name none. */
  readonly namespace?: string
  /** Finds how a workload runs on this machine. */
  readonly run: (workload: Described) => LocalRun | undefined
  /** Whether this machine runs an image without a command, such as `redis:8`. */
  readonly isKnownImage: (image: string, args: readonly string[]) => boolean
}

/** How one workload runs on this machine. */
export interface LocalWorkload {
  readonly name: string
  readonly image: string
  readonly run: LocalRun | undefined
  /** Whether it runs without an entry. */
  readonly isKnown: boolean
}

/** What to write, or why not. */
export interface InitPlan {
  readonly manifests: readonly Manifest[]
  readonly entries: readonly Entry[]
  readonly locals: readonly LocalWorkload[]
  /** Facts that the command could not find out, each as a sentence. */
  readonly unknown: readonly string[]
  readonly faults: readonly string[]
}

const DEFAULT_NAMESPACE = 'default'
const refused = (fault: string): InitPlan => ({
  manifests: [],
  entries: [],
  locals: [],
  unknown: [],
  faults: [fault],
})

/** Plans the Environment, the Previews and the local overlay of an app from its manifests. Pure. */
export function planInit(manifests: readonly Manifest[], request: InitRequest): InitPlan {
  const present = manifests.find((it) => it.kind === 'Environment' && !isBranch(it))
  if (present !== undefined) {
    return refused(
      `the manifests already have the Environment "${present.metadata.name}": use branchline up, or branchline env create for a branch`,
    )
  }
  const workloads = manifests.filter((it) => podTemplateOf(it) !== undefined)
  if (workloads.length === 0) {
    return refused('the manifests have no Deployment and no other workload: name the folder that has them')
  }
  const chosen = namespaceOf(workloads, request.namespace)
  if ('fault' in chosen) return refused(chosen.fault)
  const { namespace, unknown } = chosen
  const environment = {
    apiVersion: API_VERSION,
    kind: 'Environment',
    metadata: { name: request.name, namespace },
    spec: { type: 'shared' },
  }
  const { problems } = parseEnvironment(environment)
  if (problems !== undefined) return refused(problems.map(({ message }) => message).join('; '))
  const isOwn = ({ metadata }: Manifest): boolean => (metadata.namespace ?? DEFAULT_NAMESPACE) === namespace
  const own = manifests.filter(isOwn)
  const entries = findEntries(own)
  const locals = workloads.filter(isOwn).map((workload) => localWorkload(workload, request))
  if (entries.length === 0) {
    const services = own.filter((it) => serviceSpecOf(it) !== undefined).map(({ metadata }) => metadata.name)
    unknown.push(
      `which Service visitors open: add a Preview of it to branchline.yaml (Services: ${services.join(', ') || 'none'})`,
    )
  }
  for (const local of locals.filter(({ run, isKnown }) => !isKnown && run?.command === undefined)) {
    unknown.push(
      `how ${local.name} (image ${local.image}) runs on this machine: complete its line in branchline.local.yaml`,
    )
  }
  return {
    manifests: [environment, ...entries.map((it) => previewOf(it, namespace))],
    entries,
    locals,
    unknown,
    faults: [],
  }
}

const isBranch = ({ spec }: Manifest): boolean => (spec as { type?: unknown } | undefined)?.type === 'branch'

const previewOf = ({ service, port }: Entry, namespace: string): Manifest => ({
  apiVersion: API_VERSION,
  kind: 'Preview',
  metadata: { name: service, namespace },
  spec: { service, port },
})

function namespaceOf(
  workloads: readonly Manifest[],
  wanted: string | undefined,
): { namespace: string; unknown: string[] } | { fault: string } {
  const names = [
    ...new Set(workloads.map(({ metadata }) => metadata.namespace ?? DEFAULT_NAMESPACE)),
  ].toSorted()
  const [first = DEFAULT_NAMESPACE] = names
  if (wanted !== undefined && !names.includes(wanted)) {
    const named = workloads.some(({ metadata }) => metadata.namespace !== undefined)
    const why = named ? '' : ', because they name no namespace'
    return { fault: `--namespace ${wanted}: the manifests have workloads only in ${names.join(', ')}${why}` }
  }
  if (wanted === undefined && names.length > 1) {
    return {
      fault: `the manifests have workloads in ${names.join(', ')}, and an environment is one namespace: choose it with --namespace`,
    }
  }
  const namespace = wanted ?? first
  const unknown = workloads.every(({ metadata }) => metadata.namespace === undefined)
    ? [
        `which namespace the app has on a cluster: the manifests name none, so the Environment is in "${namespace}", as for branchline up; correct it if you apply them with kubectl -n`,
      ]
    : []
  return { namespace, unknown }
}

function localWorkload(workload: Manifest, { run, isKnownImage }: InitRequest): LocalWorkload {
  const name = workload.metadata.name ?? ''
  const { spec } = podTemplateOf(workload) as PodTemplate
  const container = spec?.containers?.[0]
  const image = typeof container?.['image'] === 'string' ? container['image'] : ''
  const command = (container?.['command'] ?? []) as readonly string[]
  const args = (container?.['args'] ?? []) as readonly string[]
  const found = run({ names: namesOf(name, image, container?.name), command, args })
  const isKnown = found === undefined && isKnownImage(image, [...command, ...args])
  return { name, image, run: found, isKnown }
}

/** The names that the folder of a workload's source may have. */
const namesOf = (workload: string, image: string, container: string | undefined): string[] => {
  const [last = ''] = image.split('/').at(-1)?.split(/[:@]/) ?? []
  return [...new Set([workload, last, container ?? workload])].filter((name) => name !== '')
}
