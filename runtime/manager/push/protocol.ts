import { type ChangeMemo, diffTables } from '@branchline/wire/routes/delta'
import { MAX_ROUTES_MESSAGE, type SidecarMessage, sidecarMessage } from '@branchline/wire/routes/messages'
import type { PublisherProtocol } from '../../pushed/protocol.ts'
import type { SidecarTable } from '../plan/plan.ts'
import { deltaText, snapshotText } from './text.ts'

/** What sidecars send apart from what every subscriber does. */
export type ReportMessage = Extract<SidecarMessage, { type: 'hop' | 'hops' | 'traffic' }>

/** The route tables of sidecars as a pushed table (wire/SPEC.md, 4). */
export const routesProtocol: PublisherProtocol<SidecarTable, ChangeMemo, ReportMessage> = {
  maxMessageBytes: MAX_ROUTES_MESSAGE,
  snapshot: snapshotText,
  isDelta: ({ before, after }) => before.environment === after.environment,
  delta(from, epoch, { before, after }, memo) {
    const change = diffTables(before, after, memo)
    return change && deltaText(from, epoch, change)
  },
  read(text) {
    try {
      return sidecarMessage.safeParse(JSON.parse(text)).data
    } catch {
      return undefined
    }
  },
}
