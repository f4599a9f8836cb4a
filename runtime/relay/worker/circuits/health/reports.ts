import type { ServedCircuit } from '../served-circuit.ts'
import type { ServedTarget } from '../served-target.ts'
import type { TargetReport, TargetStatus } from '../target-report.ts'

/** Reports changes of targets' health. */
export class TargetReports {
  readonly #onReport: (report: TargetReport) => void

  constructor(onReport: (report: TargetReport) => void) {
    this.#onReport = onReport
  }

  /** `why` is part of a sentence. */
  add(served: ServedCircuit, target: ServedTarget, status: TargetStatus, why: string | undefined): void {
    const report = { circuit: served.id, target: target.id, status, sinceMs: Date.now() }
    target.report =
      why === undefined || status === 'HEALTHY'
        ? report
        : { ...report, reason: `The target ${target.id} is not healthy: ${why}.` }
    this.#onReport(target.report)
  }
}
