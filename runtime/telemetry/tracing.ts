/** Attributes of a span. Those that are undefined are left out. */
export type SpanAttributes = Readonly<Record<string, string | number | undefined>>

/** The end of a request, for its span. */
export interface SpanEnd {
  /** The status of the response. 0 if the client got none. */
  readonly status: number
  readonly attributes: SpanAttributes
}

/** The server span of one request, while it runs. `End` is what it needs to end. */
export interface RequestSpan<End = SpanEnd> {
  /** The traceparent for the next hop, with this span as the parent (W3C Trace Context, 3.4). Undefined: unchanged. */
  readonly traceparent: string | undefined
  end(end: End): void
}

/** Records requests as OpenTelemetry spans. */
export interface Tracer<End = SpanEnd> {
  /**
   * Begins the span of a request. Its parent is `traceparent`. If that was minted here, and so belongs to no span, only
   * its trace id is used. `path` is without the query, which may contain secrets.
   */
  begin(request: {
    readonly method: string
    readonly path: string
    readonly traceparent: string | undefined
    readonly minted: boolean
  }): RequestSpan<End>
  /** Sends the remaining spans, within a timeout. */
  stop(): Promise<void>
}
