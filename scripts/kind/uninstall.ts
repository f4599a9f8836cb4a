import { platformManifests } from '@branchline/cdk8s/platform/manifests'
import {
  COORDINATOR_SERVICE,
  GROUP,
  LABELS,
  MANAGER_SERVICE,
  PLATFORM_NAMESPACE,
  RELAY_SERVICE,
} from '@branchline/wire/names'
import { DATABASE_NAMESPACE } from './database.ts'
import { stringify } from 'yaml'
import { $ } from 'zx'

const TIMEOUT = '180s'

/**
 * Uninstalls everything, as a user would: the namespaces of the environments, then the objects of the platform's
 * manifests. Throws an error that names every object that remains.
 */
export async function uninstall(context: string): Promise<void> {
  const at = ['--context', context]
  // Namespaces of plain manifests have no label, so their Environments identify them.
  const path = '{range .items[*]}{.metadata.namespace}{"\\n"}{end}'
  const listed = await $`kubectl ${at} get environments.${GROUP} -A -o jsonpath=${path}`.quiet().nothrow()
  const named = [...new Set(listed.stdout.split('\n').filter((name) => name !== ''))]
  if (named.length > 0) {
    await $`kubectl ${at} delete namespaces ${named} --ignore-not-found --timeout ${TIMEOUT}`.quiet()
  }
  await $`kubectl ${at} delete namespaces -l ${LABELS.environment} --timeout ${TIMEOUT}`.quiet()
  await $`kubectl ${at} delete namespace ${DATABASE_NAMESPACE} --ignore-not-found --timeout ${TIMEOUT}`.quiet()
  const relay = { databaseUrl: { secret: 'any', key: 'url' } }
  const input = [...platformManifests(), ...platformManifests({ relay })]
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

/** Returns all objects of all kinds that have our API group, one of our labels, or our name. */
async function leftOver(context: string): Promise<string[]> {
  const at = ['--context', context]
  const listed = await $`kubectl ${at} api-resources --verbs list -o name`.quiet()
  const kinds = listed.stdout.trim().split('\n')
  const ours = kinds.filter((kind) => kind.endsWith(`.${GROUP}`))
  // Events expire after an hour, and metrics belong to pods. Neither is an object that remains.
  const others = kinds.filter(
    (kind) => !/^events(?:\.|$)|\.metrics\.k8s\.io$/.test(kind) && !ours.includes(kind),
  )
  const { stdout } = await $`kubectl ${at} get ${others.join(',')} -A -o json --ignore-not-found`.quiet()
  const { items = [] } = JSON.parse(stdout || '{}') as { items?: Found[] }
  return [...ours, ...items.filter(isOurs).map(({ kind, metadata }) => nameOf(kind, metadata))]
}

/** Also accepts objects without our label that have our name, except the cluster's name. */
const OUR_NAMES = [PLATFORM_NAMESPACE, MANAGER_SERVICE, RELAY_SERVICE, COORDINATOR_SERVICE]

const isOurs = ({ metadata }: Found): boolean =>
  OUR_NAMES.some((name) => metadata.name.startsWith(name)) ||
  metadata.name.endsWith(`.${GROUP}`) ||
  Object.entries(metadata.labels ?? {}).some(
    ([label, value]) =>
      label.startsWith(`${GROUP}/`) || (label.startsWith('app.kubernetes.io/') && value === 'branchline'),
  )

const nameOf = (kind: string, { namespace, name }: Found['metadata']): string =>
  `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`
