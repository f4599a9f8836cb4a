import type { EtcdClient, Message } from './client.ts'

/** Keys from `from` to before `to`. */
export interface Range {
  readonly from: string
  readonly to: string
}

/** A key with its value, and the revision of the store that has set it. */
export interface Entry {
  readonly key: string
  readonly value: string
  readonly revision: number
}

/** All keys with a prefix. */
export const prefixOf = (prefix: string): Range => ({
  from: prefix,
  // Our prefixes end with an ASCII character.
  to: prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1),
})

export const encode = (text: string): string => Buffer.from(text).toString('base64')

/** Reads the entry of a message of etcd (mvccpb.KeyValue). */
export function entryOf(message: unknown): Entry {
  const { key = '', value = '', mod_revision: revision = '0' } = message as Message
  return { key: decode(key), value: decode(value), revision: Number(revision) }
}

const decode = (text: unknown): string => Buffer.from(String(text), 'base64').toString('utf8')

/** Reads a range, in pages of one revision. Rejects with an EtcdError; `outOfRange` if the revision is compacted meanwhile. */
export async function readRange(
  client: EtcdClient,
  { from, to }: Range,
  signal?: AbortSignal,
): Promise<{ readonly revision: number; readonly entries: Entry[] }> {
  const entries: Entry[] = []
  let revision = 0
  let next = encode(from)
  for (;;) {
    const body = { key: next, range_end: encode(to), limit: String(client.limits.pageKeys) }
    const page = await client.call(
      'kv/range',
      { ...body, ...(revision > 0 && { revision: String(revision) }) },
      signal,
    )
    revision ||= revisionOf(page)
    for (const kv of (page['kvs'] ?? []) as Message[]) entries.push(entryOf(kv))
    const last = entries.at(-1)
    if (page['more'] !== true || last === undefined) return { revision, entries }
    // The smallest key after the last one.
    next = encode(`${last.key}\0`)
  }
}

/** The newest revision of any key of a range, the number of its keys, and the revision of the store. */
export async function newestOf(
  client: EtcdClient,
  { from, to }: Range,
  signal?: AbortSignal,
): Promise<{ readonly newest: number; readonly count: number; readonly revision: number }> {
  const order = { sort_target: 'MOD', sort_order: 'DESCEND', limit: '1', keys_only: true }
  const page = await client.call('kv/range', { key: encode(from), range_end: encode(to), ...order }, signal)
  const [first] = (page['kvs'] ?? []) as Message[]
  const newest = first === undefined ? 0 : entryOf(first).revision
  return { newest, count: Number(page['count'] ?? 0), revision: revisionOf(page) }
}

export const revisionOf = (message: Message): number =>
  Number((message['header'] as Message | undefined)?.['revision'] ?? 0)
