import type { ChangeMemo } from '@branchline/wire/routes/delta'
import type { ManagerMessage } from '@branchline/wire/routes/messages'
import { Publisher, type PublisherOptions } from '../../pushed/publisher.ts'
import type { SidecarTable } from '../plan/plan.ts'
import type { PushLimits } from './limits.ts'
import { type HopMessage, routesProtocol } from './protocol.ts'
import { type DropReason, Reports } from './reports.ts'

/** What the hub reads from the plan, by pod, and what it reports. */
export interface HubOptions extends Pick<
  PublisherOptions<SidecarTable, ChangeMemo, HopMessage>,
  'logger' | 'tableOf' | 'epoch' | 'onStanding'
> {
  readonly limits: PushLimits
  /** A report or query of hops was dropped. */
  readonly onHopDropped?: (reason: DropReason) => void
}

/** The sidecars' connections by pod. It pushes route tables, and takes and gives hops. */
export class Hub extends Publisher<SidecarTable, ChangeMemo, HopMessage> {
  constructor(options: HubOptions) {
    const { limits, logger, tableOf, onHopDropped: onDropped } = options
    const reports = new Reports({ limits, logger, tableOf, onDropped })
    super({
      ...options,
      protocol: routesProtocol,
      words: { subscriber: 'sidecar', key: 'pod' },
      onOther(sidecar, message) {
        if (message.type === 'hop') reports.add(sidecar.key, message.trace, message.hop)
        else sidecar.say(() => answerText(message.trace, reports.of(sidecar.key, message.trace)))
      },
    })
  }
}

function answerText(trace: string, hops: ReturnType<Reports['of']>): string | undefined {
  if (hops === undefined) return undefined
  const message: ManagerMessage = { type: 'hops', trace, hops }
  return JSON.stringify(message)
}
