/** The result of a hop, for the end of its span. */
export interface HopReport {
  readonly service: string
  /** The environment of this sidecar, and the one that served or should have served. */
  readonly own: string
  readonly environment: string
  readonly reason: string
  readonly key: string | undefined
  readonly endpoint: string | undefined
  /** 0 if the client got no response. */
  readonly status: number
  readonly error: string | undefined
}

/** One hop of a trace, while it runs. */
export interface HopSpan {
  /** The traceparent for the next hop, with this span as the parent (W3C Trace Context, 3.4). Undefined: unchanged. */
  readonly traceparent: string | undefined
  end(report: HopReport): void
}

/** Records hops as OpenTelemetry spans. */
export interface Tracer {
  /**
   * Begins the span of a request. Its parent is `traceparent`. If that was minted here, and so belongs to no span, only
   * its trace id is used.
   */
  begin(request: {
    readonly method: string
    readonly path: string
    readonly traceparent: string | undefined
    readonly minted: boolean
  }): HopSpan
  /** Sends the remaining spans, within a timeout. */
  stop(): Promise<void>
}
