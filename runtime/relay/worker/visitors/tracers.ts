import { decoded } from '@branchline/wire/list-member'
import { hasMarker } from '@branchline/wire/trace-id'

/**
 * The fields of tracers, in each of which a library could find a trace other than the relay's and write its id into
 * `traceparent`: B3, Jaeger, Google Cloud, AWS X-Ray, Datadog, OpenTracing, OpenCensus, Elastic, Sentry, New Relic,
 * Instana and SkyWalking.
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

/** The same for fields whose ids are in a form that is not read here: decimal numbers, base64, binary. */
const UNREADABLE_NAMES = ['grpc-trace-bin', 'x-ot-span-context', 'newrelic', 'sw8']
const UNREADABLE_PREFIXES = ['x-datadog-']

/** Fields of which libraries make entries of `baggage`: Jaeger, SkyWalking, OpenCensus, OpenTracing, Brave. */
const BAGGAGE_NAMES = ['jaeger-baggage', 'jaeger-debug-id', 'sw8-correlation', 'correlation-context']
const BAGGAGE_PREFIXES = ['uberctx-branchline', 'ot-baggage-branchline', 'baggage-branchline']

/** Fields of other tracers that go, whatever is in them. */
export interface TracerFields {
  readonly remove: readonly string[]
  readonly removePrefix: readonly string[]
}

/** What goes where a visitor's trace is kept: what could become a key, and what cannot be judged. */
export const KEPT: TracerFields = {
  remove: [...UNREADABLE_NAMES, ...BAGGAGE_NAMES],
  removePrefix: [...UNREADABLE_PREFIXES, ...BAGGAGE_PREFIXES],
}

/** What goes where a visitor's trace is restarted: all of it. */
export const RESTARTED: TracerFields = {
  remove: [...NAMES, ...KEPT.remove],
  removePrefix: [...PREFIXES, ...KEPT.removePrefix],
}

/** Whether a field, its name as `foldName` has it, says of which trace a request is. */
export const isTracer = (name: string): boolean =>
  NAMES.includes(name) || PREFIXES.some((prefix) => name.startsWith(prefix))

/**
 * Whether a value has a marker of ours: anywhere, since libraries cut ids to their left or right half, take the last
 * of several values, decode them, and join parts. One of 300,000 other traces has one by chance and is restarted.
 */
export const claimsOurTrace = (value: string): boolean =>
  hasMarker(
    decoded(value)
      .toLowerCase()
      .replaceAll(/[^0-9a-f]/g, ''),
  )
