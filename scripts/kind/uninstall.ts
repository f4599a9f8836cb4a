import { platformManifests } from '@branchline/cdk8s/platform/manifests'
import { GROUP, LABELS, MANAGER_SERVICE, PLATFORM_NAMESPACE, RELAY_SERVICE } from '@branchline/wire/names'
import { stringify } from 'yaml'
import { $ } from 'zx'

const TIMEOUT = '180s'

/**
 * Takes everything out of the cluster again, as a user would: the namespaces of the environments, then what
 * the platform's manifests name. Throws, with what it is, where anything is left.
 */
export async function uninstall(context: string): Promise<void> {
  const at = ['--context', context]
  // Those of plain manifests have no label: their Environments say where they are.
  const path = '{range .items[*]}{.metadata.namespace}{"\\n"}{end}'
  const listed = await $`kubectl ${at} get environments.${GROUP} -A -o jsonpath=${path}`.quiet().nothrow()
  const named = [...new Set(listed.stdout.split('\n').filter((name) => name !== ''))]
  if (named.length > 0) {
    await $`kubectl ${at} delete namespaces ${named} --ignore-not-found --timeout ${TIMEOUT}`.quiet()
  }
  await $`kubectl ${at} delete namespaces -l ${LABELS.environment} --timeout ${TIMEOUT}`.quiet()
  const input = platformManifests()
    .map((manifest) => stringify(manifest))
    .join('---\n')
  await $({ input })`kubectl ${at} delete --ignore-not-found --timeout ${TIMEOUT} -f -`.quiet()
  const left = await leftOver(context)
  if (left.length > 0) throw new Error(`left in the cluster: ${left.join(', ')}`)
}

interface Found {
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
  }
}

/** All objects of all kinds that have our group, a label of ours, or our name. */
async function leftOver(context: string): Promise<string[]> {
  const at = ['--context', context]
  const listed = await $`kubectl ${at} api-resources --verbs list -o name`.quiet()
  const kinds = listed.stdout.trim().split('\n')
  const ours = kinds.filter((kind) => kind.endsWith(`.${GROUP}`))
  // What happened is told for an hour, and metrics are of pods: neither is kept by anybody.
  const others = kinds.filter(
    (kind) => !/^events(?:\.|$)|\.metrics\.k8s\.io$/.test(kind) && !ours.includes(kind),
  )
  const { stdout } = await $`kubectl ${at} get ${others.join(',')} -A -o json --ignore-not-found`.quiet()
  const { items = [] } = JSON.parse(stdout || '{}') as { items?: Found[] }
  return [...ours, ...items.filter(isOurs).map(({ kind, metadata }) => nameOf(kind, metadata))]
}

/** Not our label alone: what was made without one is ours by its name. The cluster's own name is not. */
const OUR_NAMES = [PLATFORM_NAMESPACE, MANAGER_SERVICE, RELAY_SERVICE]

const isOurs = ({ metadata }: Found): boolean =>
  OUR_NAMES.some((name) => metadata.name.startsWith(name)) ||
  metadata.name.endsWith(`.${GROUP}`) ||
  Object.entries(metadata.labels ?? {}).some(
    ([label, value]) =>
      label.startsWith(`${GROUP}/`) || (label.startsWith('app.kubernetes.io/') && value === 'branchline'),
  )

const nameOf = (kind: string, { namespace, name }: Found['metadata']): string =>
  `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`
