import { decoded } from '@branchline/wire/list-member'
import { hasMarker } from '@branchline/wire/trace-id'

/**
 * Fields of tracers from which a library could take a trace other than the relay's and write its id into `traceparent`:
 * B3, Jaeger, Google Cloud, AWS X-Ray, Datadog, OpenTracing, OpenCensus, Elastic, Sentry, New Relic, Instana and
 * SkyWalking.
 */
const NAMES = [
  'b3',
  'uber-trace-id',
  'x-cloud-trace-context',
  'x-amzn-trace-id',
  'elastic-apm-traceparent',
  'sentry-trace',
]
const PREFIXES = ['x-b3-', 'ot-tracer-', 'x-instana-']

/** The same for fields whose ids have a form that is not parsed here: decimal, base64, binary. */
const UNREADABLE_NAMES = ['grpc-trace-bin', 'x-ot-span-context', 'newrelic', 'sw8']
const UNREADABLE_PREFIXES = ['x-datadog-']

/** Fields that libraries turn into entries of `baggage`: Jaeger, SkyWalking, OpenCensus, OpenTracing, Brave. */
const BAGGAGE_NAMES = ['jaeger-baggage', 'jaeger-debug-id', 'sw8-correlation', 'correlation-context']
const BAGGAGE_PREFIXES = ['uberctx-branchline', 'ot-baggage-branchline', 'baggage-branchline']

/** Fields of other tracers to remove, whatever they contain. */
export interface TracerFields {
  readonly remove: readonly string[]
  readonly removePrefix: readonly string[]
}

/** The fields to remove if a visitor's trace is kept: those that could become a key or cannot be parsed. */
export const KEPT: TracerFields = {
  remove: [...UNREADABLE_NAMES, ...BAGGAGE_NAMES],
  removePrefix: [...UNREADABLE_PREFIXES, ...BAGGAGE_PREFIXES],
}

/** The fields to remove if a visitor's trace is restarted: all of them. */
export const RESTARTED: TracerFields = {
  remove: [...NAMES, ...KEPT.remove],
  removePrefix: [...PREFIXES, ...KEPT.removePrefix],
}

/** Whether a field identifies the trace of a request. `name` is a result of `foldName`. */
export const isTracer = (name: string): boolean =>
  NAMES.includes(name) || PREFIXES.some((prefix) => name.startsWith(prefix))

/**
 * Whether a value contains a relay's marker anywhere, because libraries cut ids to their left or right half, use the last
 * of several values, decode them, and join parts. One in 300,000 other traces contains it by chance and is restarted.
 */
export const claimsOurTrace = (value: string): boolean =>
  hasMarker(
    decoded(value)
      .toLowerCase()
      .replaceAll(/[^0-9a-f]/g, ''),
  )
