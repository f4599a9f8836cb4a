import {
  type DeltaMessage,
  type Deployment,
  listsOf,
  type SnapshotMessage,
  type TableDelta,
} from '@branchline/wire/circuits/delta'
import { workerMessage, type WorkerReport } from '@branchline/wire/circuits/messages'
import { MAX_TABLE_MESSAGE } from '@branchline/wire/circuits/protocol'
import type { PublisherProtocol } from '../../../pushed/protocol.ts'
import type { View } from './deployment.ts'

/** What one publication changes for each worker. */
export type Deltas = ReadonlyMap<string, TableDelta>

/** The tables of workers as a pushed table. Every message carries the term, so that workers refuse an older leader. */
export const tableProtocol = ({
  instance,
  term,
}: Pick<Deployment, 'instance' | 'term'>): PublisherProtocol<View, Deltas, WorkerReport> => ({
  maxMessageBytes: MAX_TABLE_MESSAGE,
  snapshot: (epoch, { table }) =>
    JSON.stringify({
      type: 'snapshot',
      instance,
      term,
      epoch,
      table: listsOf(table),
    } satisfies SnapshotMessage),
  isDelta: () => true,
  delta(from, epoch, { after }, deltas) {
    const changes = deltas.get(after.worker)
    if (changes === undefined) return undefined
    return JSON.stringify({ type: 'delta', term, from, epoch, changes } satisfies DeltaMessage)
  },
  read(text) {
    try {
      return workerMessage.safeParse(JSON.parse(text)).data
    } catch {
      return undefined
    }
  },
})
