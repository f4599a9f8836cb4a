import type { ExchangeReport } from '../../../../proxy/decision.ts'
import type { HttpError } from '../../../../proxy/errors.ts'
import type { Failure } from '../ejection.ts'
import type { CircuitForward } from '../forward.ts'
import type { ServedCircuit } from '../served-circuit.ts'
import type { ServedTarget } from '../served-target.ts'

/** Learns what requests show about targets. */
export interface PassiveListener {
  /** Requests to the target fail (`reason` is part of a sentence), or work again (undefined). */
  seen(served: ServedCircuit, target: ServedTarget, reason: string | undefined): void
}

/** Judges targets by their requests. Targets in clusters are not judged: their sidecars and links are. */
export class PassiveHealth {
  readonly #listener: PassiveListener

  constructor(listener: PassiveListener) {
    this.#listener = listener
  }

  /** A request is done. Candidates before the one that was used could not be reached. */
  done({ candidate, error, status }: ExchangeReport, { served, candidates }: CircuitForward): void {
    for (let index = 0; index < candidate; index++) {
      const target = candidates[index]?.target
      if (target !== undefined) this.failed(served, target, 'unreachable')
    }
    const target = candidates[candidate]?.target
    if (target === undefined) return
    const failure = error === undefined ? (status >= 500 ? 'error-status' : undefined) : failureOf(error)
    if (failure !== undefined) this.failed(served, target, failure)
    else if (error === undefined && status > 0) this.succeeded(served, target)
  }

  /** A request or a TCP connection failed. */
  failed(served: ServedCircuit, target: ServedTarget, how: Failure): void {
    if (target.address === undefined || !target.failed(how, performance.now())) return
    served.changed()
    this.#listener.seen(served, target, SAYING[how])
  }

  succeeded(served: ServedCircuit, target: ServedTarget): void {
    if (!target.succeeded()) return
    served.changed()
    this.#listener.seen(served, target, undefined)
  }
}

const SAYING: Readonly<Record<Failure, string>> = {
  unreachable: 'connections to it fail',
  closed: 'it closes connections without a response',
  'error-status': 'its responses are errors (5xx)',
}

function failureOf({ code }: HttpError): Failure | undefined {
  if (code === 'BL_HTTP_UPSTREAM_UNREACHABLE') return 'unreachable'
  return code === 'BL_HTTP_UPSTREAM_CLOSED' ? 'closed' : undefined
}
