import type { KubernetesObject } from '@branchline/wire/kubernetes'
import type { LocalKind } from '@branchline/wire/local-api'
import { terminal } from '../output/terminal.ts'
import { openTarget } from '../target/choose.ts'
import type { Target } from '../target/target.ts'
import type { Listing, Snapshot } from '../view/listings.ts'
import { watchList } from './get-watch.ts'
import { chosen, type GetOptions, printedList, wantedListing } from './list.ts'

/** Runs `branchline get`: prints a list, and with `--watch` every change until Ctrl-C. */
export async function runGet(word: string, names: readonly string[], options: GetOptions): Promise<void> {
  const listing = wantedListing(word, options)
  const target = await openTarget(options)
  const { output } = options
  const style = { ...terminal(), ...(output === 'wide' && { wide: true }) }
  const snapshot = await snapshotOf(target, listing, options.namespace)
  const items = chosen(listing, snapshot, names, options)
  if (options.watch === true) {
    await watchList(target, listing, names, options, style)
    return
  }
  if (items.length === 0) {
    process.stderr.write(
      `no ${listing.title} in ${options.namespace === undefined ? target.name : `namespace ${options.namespace}`}\n`,
    )
  }
  process.stdout.write(printedList(listing, items, options, style, names.length === 1))
}

/**
 * Reads the objects of a list. A namespace limits what the list shows, not the environments and Services that explain
 * it. Without the right to read all environments, those of the namespace remain.
 */
export async function snapshotOf(
  target: Target,
  { kinds, scoped }: Pick<Listing, 'kinds' | 'scoped'>,
  namespace?: string,
): Promise<Snapshot> {
  const read = async (kind: LocalKind): Promise<[LocalKind, readonly KubernetesObject[]]> => {
    if (scoped.includes(kind)) return [kind, await target.list(kind, namespace)]
    try {
      return [kind, await target.list(kind)]
    } catch (error) {
      if (namespace === undefined) throw error
      return [kind, await target.list(kind, namespace)]
    }
  }
  return Object.fromEntries(await Promise.all(kinds.map(read)))
}
