import { MAX_PAGE } from '@branchline/wire/circuits/page'

/** One page of a list of the API. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next?: string | undefined
}

/** The items of a list, and whether there are more. */
export interface Listed<T> {
  readonly items: readonly T[]
  readonly isCut: boolean
}

/** Reads the pages of a list, up to `most` items. */
export async function readAll<T>(
  read: (page: { limit: number; cursor?: string }) => Promise<Page<T>>,
  most = Number.POSITIVE_INFINITY,
): Promise<Listed<T>> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    const limit = Math.min(MAX_PAGE, most - items.length)
    const page = await read({ limit, ...(cursor !== undefined && { cursor }) })
    items.push(...page.items)
    cursor = page.next
  } while (cursor !== undefined && items.length < most)
  return { items, isCut: cursor !== undefined }
}
