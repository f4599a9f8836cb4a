import { EMPTY_WORKER_TABLE, type WorkerTable } from '@branchline/wire/circuits/table'
import { Access } from './access/access.ts'
import type { WorkerReport } from '@branchline/wire/circuits/messages'
import type { Upstream } from './upstream/upstream.ts'

/** The table that a worker serves. */
export const servedTable = ({ served }: Upstream): WorkerTable => served?.table ?? EMPTY_WORKER_TABLE

/** Access by the table of a worker. Its coordinator exchanges codes. */
export const workerAccess = (upstream: () => Upstream, relayUrl: string): Access =>
  new Access({
    table: () => servedTable(upstream()),
    relayUrl,
    redeem: async (code, host, hash) => {
      const answer = await upstream().redeem(code, host, hash)
      if (answer === undefined) throw new Error('no coordinator has answered')
      return answer
    },
    // Without a connection, the next one begins with it.
    end: (hash) => upstream().send({ type: 'leave', hash }),
  })

/** What a new connection says about sessions that browsers have left. */
export const leaves = ({ leaving }: Access): WorkerReport[] =>
  leaving.map((hash) => ({ type: 'leave', hash }))
