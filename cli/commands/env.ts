import type { LocalPatch } from '@branchline/wire/local-api'
import { CliError } from '../platform/errors.ts'
import { openTarget, type TargetOptions } from '../target/choose.ts'
import type { Target } from '../target/target.ts'
import type { EnvironmentObject } from '../view/resources.ts'
import { namedEnvironment } from '../view/services.ts'

export interface DeleteOptions extends TargetOptions {
  /** Also deletes the namespace of the environment, with everything in it. */
  readonly withNamespace?: boolean
  /** Also if branches are based on it. */
  readonly force?: boolean
}

/** Runs `branchline env pause`: the base serves the requests of a branch. Resolves with what to print. */
export async function runPause(name: string, paused: boolean, options: TargetOptions): Promise<string> {
  const target = await openTarget(options)
  const { environment } = await environmentAt(target, name)
  const { base, paused: isPaused = false } = environment.spec ?? {}
  if (base === undefined) {
    throw new CliError(
      'BL_USAGE',
      `${name} has no base that could serve its requests, so it cannot be paused: pause a branch`,
    )
  }
  if (isPaused === paused) return `${name} is ${paused ? 'already paused' : 'not paused'}\n`
  await target.patch(patchOf(environment, { spec: { paused } }))
  const effect = paused ? `paused: ${base} serves its requests` : 'resumed: its overrides serve its requests'
  const note = paused || target.type === 'cluster' ? durationNote(target, `set spec.paused to ${paused}`) : ''
  return `${name} ${effect}\n${note}`
}

/** Runs `branchline env delete`. Resolves with what to print. */
export const runDelete = async (name: string, options: DeleteOptions): Promise<string> =>
  deleteEnvironment(await openTarget(options), name, options)

/** Deletes an environment of a target, and its Previews, which would have none. Resolves with what to print. */
export async function deleteEnvironment(
  target: Target,
  name: string,
  options: Pick<DeleteOptions, 'force' | 'withNamespace'>,
): Promise<string> {
  const { environment, all } = await environmentAt(target, name)
  const branches = all.filter(({ spec }) => spec?.base === name).map(({ metadata }) => metadata.name)
  if (branches.length > 0 && options.force !== true) {
    throw new CliError(
      'BL_USAGE',
      `${branches.join(', ')} ${branches.length === 1 ? 'is' : 'are'} based on ${name}: delete them first, or use --force`,
    )
  }
  await target.patch(patchOf(environment, null))
  const { namespace = '' } = environment.metadata
  const { base } = environment.spec ?? {}
  const effect = base === undefined ? '' : `: ${base} serves its requests`
  const deleted = `${name} deleted${effect}\n`
  const note = durationNote(target, 'remove its manifests')
  if (options.withNamespace !== true) {
    const previews = await target.list('Preview', namespace)
    for (const { metadata } of previews)
      await target.patch({ kind: 'Preview', name: metadata.name, namespace, patch: null })
    const names = previews.map(({ metadata }) => metadata.name).join(', ')
    const gone = names === '' ? '' : `Its previews are deleted as well: ${names}\n`
    return `${deleted}${gone}Its workloads still run in namespace ${namespace}: --with-namespace deletes them, too\n${note}`
  }
  await target.patch({ kind: 'Namespace', name: namespace, patch: null })
  return `${deleted}namespace ${namespace} deleted, with everything in it\n${note}`
}

async function environmentAt(
  target: Target,
  name: string,
): Promise<{ environment: EnvironmentObject; all: EnvironmentObject[] }> {
  const all = (await target.list('Environment')) as EnvironmentObject[]
  return { environment: namedEnvironment(name, all), all }
}

function patchOf({ metadata }: EnvironmentObject, patch: LocalPatch['patch']): LocalPatch {
  const { name, namespace } = metadata
  return { kind: 'Environment', name, patch, ...(namespace !== undefined && { namespace }) }
}

/** How long a change lasts where files or git are the truth. */
const durationNote = (target: Target, remedy: string): string =>
  target.type === 'up'
    ? `This lasts until its manifest changes or up ends. To keep it, ${remedy} in the folder.\n`
    : `If git manages it (Argo CD, Flux), ${remedy} there as well.\n`
