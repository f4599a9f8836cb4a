/** What a span is told at its end. */
export interface HopReport {
  readonly service: string
  /** The environment of this sidecar, and the one that served, or should have. */
  readonly own: string
  readonly environment: string
  readonly reason: string
  readonly key: string | undefined
  readonly endpoint: string | undefined
  /** 0 where the client got no answer. */
  readonly status: number
  readonly error: string | undefined
}

/** One hop of a trace, while it runs. */
export interface HopSpan {
  /** What goes to the next hop: this span as the parent (W3C Trace Context, 3.4); undefined: as it came. */
  readonly traceparent: string | undefined
  end(report: HopReport): void
}

/** Records hops as OpenTelemetry spans. */
export interface Tracer {
  /**
   * Begins the span of a request, whose parent is `traceparent`; where that is minted here, and so nobody's
   * span, it gives the trace's id alone.
   */
  begin(request: {
    readonly method: string
    readonly path: string
    readonly traceparent: string | undefined
    readonly minted: boolean
  }): HopSpan
  /** Sends what is left, within a limit. */
  stop(): Promise<void>
}
