import type { ChangeMemo } from '@branchline/wire/routes/delta'
import type { ManagerMessage } from '@branchline/wire/routes/messages'
import type { TrafficReport } from '@branchline/wire/routes/traffic'
import type { Notes } from '../../propagation/verdict.ts'
import { Publisher, type PublisherOptions } from '../../pushed/publisher.ts'
import type { SidecarTable } from '../plan/plan.ts'
import type { PushLimits } from './limits.ts'
import { type ReportMessage, routesProtocol } from './protocol.ts'
import type { PodHop } from './hops.ts'
import { type DropReason, Reports } from './reports.ts'

/** What the hub reads from the plan, by pod, and what it reports. */
export interface HubOptions extends Pick<
  PublisherOptions<SidecarTable, ChangeMemo, ReportMessage>,
  'logger' | 'tableOf' | 'epoch' | 'onStanding'
> {
  readonly limits: PushLimits
  /** A report, or a query of hops, was dropped. */
  readonly onHopDropped?: (reason: DropReason) => void
  /** A pod's report of its traffic, which may be about services that the pod does not run. */
  readonly onTraffic?: (pod: string, report: TrafficReport) => void
  /** What is known about a request in addition to its hops. */
  readonly notesOf?: (hops: readonly PodHop[]) => Notes
}

/** The sidecars' connections by pod. It pushes route tables, takes reports, and gives hops. */
export class Hub extends Publisher<SidecarTable, ChangeMemo, ReportMessage> {
  constructor(options: HubOptions) {
    const { limits, logger, tableOf, onHopDropped: onDropped, onTraffic, notesOf } = options
    const reports = new Reports({ limits, logger, tableOf, onDropped })
    super({
      ...options,
      protocol: routesProtocol,
      words: { subscriber: 'sidecar', key: 'pod' },
      onOther(sidecar, message) {
        const { key } = sidecar
        if (message.type === 'hop') reports.add(key, message.trace, message.hop)
        else if (message.type === 'traffic') {
          if (reports.takesTraffic(key)) onTraffic?.(key, message)
        } else sidecar.say(() => answerText(message.trace, reports.of(key, message.trace), notesOf))
      },
    })
  }
}

function answerText(
  trace: string,
  reported: readonly PodHop[] | undefined,
  notesOf: HubOptions['notesOf'],
): string | undefined {
  if (reported === undefined) return undefined
  const hops = reported.map(({ hop }) => hop)
  const message: ManagerMessage = { type: 'hops', trace, hops, ...notesOf?.(reported) }
  return JSON.stringify(message)
}
