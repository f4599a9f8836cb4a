import type { PublisherProtocol } from './protocol.ts'
import type { SubscriptionProtocol } from './subscription.ts'

/** The smallest table: texts by name. */
export type Strings = Readonly<Record<string, string>>

/** A table as a subscriber holds it. */
export interface StringTable {
  readonly epoch: number
  readonly strings: Strings
}

export type Snapshot = { readonly type: 'snapshot' } & StringTable
export interface Delta {
  readonly type: 'delta'
  readonly from: number
  readonly epoch: number
  readonly changes: Readonly<Record<string, string | null>>
}

export const writing: PublisherProtocol<Strings, undefined> = {
  maxMessageBytes: 1024 * 1024,
  snapshot: (epoch, strings) => JSON.stringify({ type: 'snapshot', epoch, strings } satisfies Snapshot),
  // An empty table is sent whole, so that tests see both.
  isDelta: ({ after }) => Object.keys(after).length > 0,
  delta(from, epoch, { before, after }) {
    const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name))
    const set = Object.entries(after).filter(([name, text]) => before[name] !== text)
    if (gone.length + set.length === 0) return undefined
    const changes = Object.fromEntries([...gone.map((name) => [name, null] as const), ...set])
    return JSON.stringify({ type: 'delta', from, epoch, changes } satisfies Delta)
  },
  read(text) {
    const message = JSON.parse(text) as { type: string; epoch: number }
    return message.type === 'ack' || message.type === 'hello' ? (message as { type: 'hello' }) : undefined
  },
}

export const reading: SubscriptionProtocol<StringTable, Snapshot, Delta, never> = {
  hello: () => ({ type: 'hello' }),
  read: (message) => message as Snapshot | Delta,
  compile: ({ epoch, strings }) => ({ epoch, strings }),
  apply({ strings }, { epoch, changes }) {
    const entries = Object.entries({ ...strings, ...changes })
    return { epoch, strings: Object.fromEntries(entries.filter(([, text]) => text !== null)) as Strings }
  },
  gap: ({ from }) => new Error(`a delta from ${from} does not follow`),
}
