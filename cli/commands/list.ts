import { nearest } from '@branchline/wire/near'
import { stringify } from 'yaml'
import { safely } from '../output/safely.ts'
import { tableText, type TableOptions } from '../output/table.ts'
import { CliError } from '../platform/errors.ts'
import type { TargetOptions } from '../target/choose.ts'
import {
  type Item,
  type Listing,
  LISTING_WORDS,
  listingOf,
  LISTINGS,
  type Snapshot,
} from '../view/listings.ts'

export const OUTPUTS = ['json', 'yaml', 'wide', 'name'] as const
type Output = (typeof OUTPUTS)[number]

export interface GetOptions extends TargetOptions {
  readonly namespace?: string
  readonly allNamespaces?: boolean
  readonly output?: Output
  readonly watch?: boolean
}

/** How a list is printed. */
export type ListStyle = Pick<TableOptions, 'width' | 'paint' | 'wide'>

/** Returns the list that a word means. Throws a {@link CliError} with a suggestion, and for `-o name` without names. */
export function wantedListing(word: string, { output }: Pick<GetOptions, 'output'>): Listing {
  const listing = listingOf(word)
  if (listing === undefined) {
    const near = nearest(word, LISTING_WORDS)
    const known = LISTINGS.map(({ title }) => title).join(', ')
    const remedy = near === undefined ? `wanted one of ${known}` : `did you mean ${near}? (${known})`
    throw new CliError('BL_USAGE', `get ${word}: there is no such list: ${remedy}`)
  }
  if (output === 'name' && listing.prefix === undefined) {
    throw new CliError(
      'BL_USAGE',
      `get ${word} -o name: ${listing.title} have no names: use -o json or -o yaml`,
    )
  }
  return listing
}

type Scope = Pick<GetOptions, 'namespace' | 'allNamespaces'>

/** The items that the names and options choose. Without names: all of them. */
export function chosenOf(
  listing: Listing,
  snapshot: Snapshot,
  names: readonly string[],
  scope: Scope,
): Item[] {
  const { namespace, allNamespaces } = scope
  const all = allNamespaces === true || names.length > 0
  const items = listing.items(snapshot, { all, ...(namespace !== undefined && { namespace }) }, Date.now())
  return names.length === 0 ? items : items.filter((item) => names.some((wanted) => isCalled(item, wanted)))
}

/** The same, but throws a {@link CliError} that names each name that does not exist. */
export function chosen(listing: Listing, snapshot: Snapshot, names: readonly string[], scope: Scope): Item[] {
  const items = chosenOf(listing, snapshot, names, scope)
  const missing = names.filter((wanted) => !items.some((item) => isCalled(item, wanted)))
  if (missing.length === 0) return items
  const known = chosenOf(listing, snapshot, [], scope).map(({ name }) => name)
  throw new CliError('BL_NOT_FOUND', missing.map((name) => notFound(listing.title, name, known)).join('\n'))
}

const isCalled = ({ name, namespace }: Item, wanted: string): boolean =>
  name === wanted || `${namespace}/${name}` === wanted || `${name}@${namespace}` === wanted

/** Says that a name does not exist, with the nearest one, or with all if they are few. */
export function notFound(what: string, name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  const all = [...new Set(known)]
  const few = all.length > 0 && all.length <= 12 ? `there are ${all.join(', ')}` : 'branchline get lists them'
  return `${what} "${name}" does not exist: ${near === undefined ? few : `did you mean ${near}?`}`
}

/** Formats a list as the options say. One object that was asked for by name is not in a List. Pure. */
export function printedList(
  { columns, prefix }: Listing,
  items: readonly Item[],
  { output }: Pick<GetOptions, 'output'>,
  style: ListStyle,
  isSingle: boolean,
): string {
  if (output === 'name') return items.map(({ name }) => `${prefix}${name}\n`).join('')
  if (output === 'json' || output === 'yaml') {
    const [only] = items
    const objects = items.map(({ object }) => object)
    const value =
      isSingle && only !== undefined && items.length === 1
        ? only.object
        : { apiVersion: 'v1', kind: 'List', items: objects }
    return output === 'json' ? `${JSON.stringify(value, undefined, 2)}\n` : stringify(value, { lineWidth: 0 })
  }
  if (items.length === 0) return ''
  return tableText(
    columns,
    items.map(({ row }) => safely(row)),
    style,
  )
}
