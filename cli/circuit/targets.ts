import { printable } from '@branchline/runtime/local/printable'
import type { Target, TargetInput } from '@branchline/wire/circuits/target'
import { terminal } from '../output/terminal.ts'
import { CliError } from '../platform/errors.ts'
import type { ApiOptions } from '../relay/api/choose.ts'
import { openApi } from '../relay/api/connect.ts'
import type { Format } from '../relay/api/options.ts'
import { listText } from '../relay/api/print.ts'
import { targetText } from './target-text.ts'
import { TARGET_COLUMNS, targetRow } from './view.ts'

/** Runs `branchline circuit targets ls`. */
export async function runListTargets(
  key: string,
  options: ApiOptions & { readonly output?: Format },
): Promise<void> {
  const { items } = await openApi(options).call((client) => client.listTargets({ params: { key } }))
  if (items.length === 0) process.stderr.write(`${key} has no targets\n`)
  const now = Date.now()
  process.stdout.write(
    listText(items, TARGET_COLUMNS, (one) => targetRow(one, now), options.output, terminal()),
  )
}

/** Runs `branchline circuit targets add`: adds targets, or replaces those with the same id, in one change. */
export async function runAddTargets(
  key: string,
  targets: readonly TargetInput[],
  options: ApiOptions,
): Promise<void> {
  await change(key, { put: [...targets] }, options)
}

/** Runs `branchline circuit targets rm`. It is no error if a target is gone already. */
export async function runRemoveTargets(
  key: string,
  ids: readonly string[],
  options: ApiOptions,
): Promise<void> {
  await change(key, { delete: [...ids] }, options)
}

async function change(
  key: string,
  body: { put?: TargetInput[]; delete?: string[] },
  options: ApiOptions,
): Promise<void> {
  const { results } = await openApi(options).call((client) => client.changeTargets({ params: { key }, body }))
  for (const { id, problem, target } of results) {
    if (problem !== undefined) continue
    print(target === undefined ? `removed ${id}` : changedText(target))
  }
  const faults = results.flatMap(({ id, problem }) => {
    if (problem === undefined) return []
    const details = (problem.errors ?? []).map(({ detail }) => detail)
    return `${id}: ${details.length > 0 ? details.join('; ') : (problem.detail ?? problem.title)}`
  })
  if (faults.length > 0) throw new CliError('BL_RELAY_REFUSED', faults.join('\n'))
}

export interface SetTargetOptions extends ApiOptions {
  readonly weight?: number
  readonly address?: string
  /** `on`: no new requests. */
  readonly drain?: 'on' | 'off'
}

/** Runs `branchline circuit targets set`: changes one target. */
export async function runSetTarget(key: string, id: string, options: SetTargetOptions): Promise<void> {
  const { weight, address, drain } = options
  if (weight === undefined && address === undefined && drain === undefined)
    throw new CliError('BL_USAGE', 'there is nothing to change: give --weight, --address or --drain')
  const body = {
    ...(weight !== undefined && { weight }),
    ...(address !== undefined && { address }),
    ...(drain !== undefined && { draining: drain === 'on' }),
  }
  const target = await openApi(options).call((client) =>
    client.patchTarget({ params: { key, target: id }, body }),
  )
  print(changedText(target))
}

const changedText = (target: Target): string =>
  `set ${target.id}   ${targetText(target)}   weight ${target.weight}${target.draining ? '   draining' : ''}`

const print = (line: string): void => void process.stdout.write(`${printable(line)}\n`)
