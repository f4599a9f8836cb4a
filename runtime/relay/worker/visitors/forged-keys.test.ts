/**
 * Attack: a visitor of alice's URL hides bob's key so that the relay does not see it, but a library in an app does. The
 * app then forwards it as a key, and the next sidecar serves bob's version: `baggage: %62ranchline=bob`, a header name
 * with `_`, half of an id for a 64-bit tracer, the baggage of another tracer, a trailer.
 * Fix: the relay and sidecars compare names by one rule, that of the most liberal library.
 */
import { spawnSync } from 'node:child_process'
import { ROOT_CONTEXT, type TextMapPropagator } from '@opentelemetry/api'
import { W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3'
import { JaegerPropagator } from '@opentelemetry/propagator-jaeger'
import { readBaggageKey } from '@branchline/wire/baggage'
import { ID_HEADERS } from '@branchline/wire/id-headers'
import { environmentNumber, mintRequestId, mintTraceId } from '@branchline/wire/trace-id'
import { readTracestateKey } from '@branchline/wire/tracestate'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { writeRequestHead } from '../../../http1/message/edits.ts'
import { parseRequestHead } from '../../../http1/message/head.ts'
import { readRequestHead, writeRequestFields } from '../../../http2/head.ts'
import type { HeadEdits } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import { translateHead } from '../../../translate/request-head.ts'
import { refusedTrailers, VisitorEdits } from './head-edits.ts'

const BOB = environmentNumber('bob')
const KEYS = new Map([
  [BOB, 'bob'],
  [environmentNumber('alice'), 'alice'],
])
const HEADER = 'kubernetes-route-as'

type FieldLine = readonly [name: string, value: string]
/** Fields in the form that an app forwards: names in lower case, one value each. */
type Forwarded = Readonly<Record<string, string>>

/** The key that a sidecar reads (wire/SPEC.md, 1) without a known caller. */
function keyOf(fields: Forwarded): string | undefined {
  const listed = readTracestateKey(fields['tracestate'] ?? '') ?? readBaggageKey(fields['baggage'] ?? '')
  if (listed !== undefined) return listed
  if (fields[HEADER] !== undefined) return fields[HEADER]
  for (const [name, read] of ID_HEADERS) {
    const number = read(fields[name] ?? '')?.number
    if (number !== undefined && KEYS.has(number)) return KEYS.get(number)
  }
  return undefined
}

type Trace = 'restart' | 'keep'
const editsOf = (head: Head, trace: Trace): HeadEdits =>
  new VisitorEdits('alice', { trace, scheme: 'http', header: HEADER }).of(head, '203.0.113.7')

/** The stream of a visitor of HTTP/2, whose names are in lower case. */
const streamOf = (fields: readonly FieldLine[]) =>
  readRequestHead(
    [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'web--alice.localhost'].concat(
      fields.flatMap(([name, value]) => [name.toLowerCase(), value]),
    ),
    true,
    100_000,
  )

/** The same for a visitor of HTTP/2 and an app that speaks it as well. */
function asStream(fields: readonly FieldLine[], trace: Trace): FieldLine[] | undefined {
  const head = streamOf(fields)
  const list = writeRequestFields(head, editsOf(head, trace))
  const lines = Array.from({ length: list.length / 2 }, (_, index): FieldLine => [
    list[index * 2] as string,
    list[index * 2 + 1] as string,
  ])
  return lines.filter(([name]) => !name.startsWith(':'))
}

/** The same for a visitor of HTTP/2 and an app of HTTP/1.1. */
function translated(fields: readonly FieldLine[], trace: Trace): FieldLine[] | undefined {
  const stream = streamOf(fields)
  try {
    const head = translateHead(stream, true, { headerCount: 100 })
    return parseRequestHead(writeRequestHead(head, editsOf(stream, trace)), { headerCount: 200 }).entries()
  } catch {
    return undefined
  }
}

/** The visitor's fields that enter the cluster. Undefined if the request is refused. */
function behindRelay(fields: readonly FieldLine[], trace: Trace): FieldLine[] | undefined {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const text = `GET / HTTP/1.1\r\nHost: web--alice.localhost\r\n${lines}\r\n`
  try {
    const head = parseRequestHead(text, { headerCount: 100 })
    return parseRequestHead(writeRequestHead(head, editsOf(head, trace)), { headerCount: 200 }).entries()
  } catch {
    return undefined
  }
}

type Join = (before: string | undefined, next: string) => string
const JOINS: readonly Join[] = [
  (before, next) => (before === undefined ? next : `${before}, ${next}`),
  (before, next) => (before === undefined ? next : `${before},${next}`),
  (before, next) => before ?? next,
  (_before, next) => next,
]

const asObject = (fields: readonly FieldLine[], nameOf: (name: string) => string, join: Join): Forwarded => {
  const object: Record<string, string> = {}
  for (const [name, value] of fields) object[nameOf(name)] = join(object[nameOf(name)], value)
  return object
}

/** How CGI-like servers name a field, and how apps name it again. */
const CGI_NAMES = [
  (name: string) => name.toLowerCase(),
  (name: string) => name.toLowerCase().replaceAll('_', '-'),
  (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-'),
]

const otel = (...propagators: TextMapPropagator[]): readonly TextMapPropagator[] => propagators
const trace = new W3CTraceContextPropagator()
const baggage = new W3CBaggagePropagator()
const OTEL = [
  otel(trace, baggage),
  otel(baggage),
  otel(new B3Propagator(), baggage),
  otel(new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER })),
  otel(new JaegerPropagator()),
  otel(trace, baggage, new JaegerPropagator()),
  otel(new JaegerPropagator(), trace, baggage),
]

function throughOtel(carrier: Forwarded, propagators: readonly TextMapPropagator[]): Forwarded {
  let at = ROOT_CONTEXT
  const getter = { keys: (of: Forwarded) => Object.keys(of), get: (of: Forwarded, name: string) => of[name] }
  for (const one of propagators) at = one.extract(at, carrier, getter)
  const out: Record<string, string> = {}
  const setter = { set: (of: Record<string, string>, name: string, value: string) => void (of[name] = value) }
  for (const one of propagators) one.inject(at, out, setter)
  return out
}

/** A 64-bit tracer keeps half of an id. */
function* halves(fields: Forwarded): Generator<Forwarded> {
  for (const value of Object.values(fields)) {
    for (const [id] of value.matchAll(/[0-9a-f]{32}/gi)) {
      yield { 'x-b3-traceid': id.slice(0, 16) }
      yield { 'x-b3-traceid': id.slice(16) }
    }
    // Libraries may use the last of several values.
    const last = value.split(',').at(-1)?.trim() ?? ''
    for (const [name] of ID_HEADERS) yield { [name]: last }
  }
}

/** All keys that sidecars read from what different kinds of apps forward. */
function keysForwarded(fields: readonly FieldLine[]): Set<string | undefined> {
  const keys = new Set<string | undefined>()
  for (const join of JOINS) {
    for (const nameOf of CGI_NAMES) {
      const carrier = asObject(fields, nameOf, join)
      for (const propagators of OTEL) keys.add(keyOf(throughOtel(carrier, propagators)))
      for (const [name, value] of Object.entries(carrier)) keys.add(keyOf({ [name]: value }))
      for (const half of halves(carrier)) keys.add(keyOf(half))
    }
  }
  keys.delete(undefined)
  return keys
}

const percent = (char: string): string => `%${char.charCodeAt(0).toString(16)}`
/** A word in another spelling: characters encoded, encoded twice, or in another case. */
const spelled = (word: string): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: word.length, maxLength: word.length }).map((picks) =>
    word
      .split('')
      .map((char, index) => {
        const pick = picks[index]
        if (pick === 0) return percent(char)
        if (pick === 1) return percent(char).toUpperCase()
        if (pick === 2) return percent(char).replace('%', '%25')
        return char
      })
      .join(''),
  )
const space = fc.constantFrom('', '', ' ', '\t', '  ', '%20', '+', '%09', '\u00a0', '%E2%80%83', '"', '%00')
const member = fc
  .tuple(space, spelled('branchline'), space, fc.constantFrom('=', '=', ' = ', '%3D'), spelled('bob'), space)
  .map((parts) => parts.join(''))
const other = fc.constantFrom('a=1', 'x=branchline%3Dbob', 'b=2;p=1', '', 'bob@branchline=bob', 'c')
const list = fc
  .tuple(
    fc.array(fc.oneof(member, other), { minLength: 1, maxLength: 4 }),
    fc.constantFrom(',', ', ', '%2C', ' ,\t'),
  )
  .map(([members, comma]) => members.join(comma))

const SPAN = 'aaaaaaaaaaaaaaaa'
const forgedId = fc.constantFrom(
  mintTraceId(BOB),
  `b7a9c2${BOB}0123456789abcdef`,
  `b7a9c1${BOB}`,
  `0123456789abcdefb7a9c1${BOB}`,
  mintTraceId(BOB).toUpperCase(),
  mintRequestId(BOB),
)
const idValue = fc
  .tuple(forgedId, fc.nat(8))
  .map(
    ([id, form]): string =>
      [
        id,
        `${id}-${SPAN}-1`,
        `${id}:${SPAN}:0:1`,
        `${id}%3A${SPAN}%3A0%3A1`,
        `${id}/1;o=1`,
        `00-${id}-${SPAN}-01`,
        `${'1'.repeat(32)}, ${id}`,
        `Root=1-${id.slice(0, 8)}-${id.slice(8)};Sampled=1`,
        id.split('').map(percent).join(''),
      ][form] as string,
  )
/** A name in another spelling. */
const named = (name: string): fc.Arbitrary<string> =>
  fc.constantFrom(
    name,
    name.toUpperCase(),
    name.replaceAll('-', '_'),
    name.replace('-', '_'),
    name.replaceAll('-', '.'),
  )
const field = (names: readonly string[], value: fc.Arbitrary<string>): fc.Arbitrary<FieldLine> =>
  fc.tuple(fc.constantFrom(...names).chain(named), value)
const forgery = fc.oneof(
  field(['baggage', 'tracestate', 'jaeger-baggage', 'correlation-context', 'sw8-correlation'], list),
  field(
    ['uberctx-branchline', 'ot-baggage-branchline', 'baggage-branchline', HEADER],
    fc.constantFrom('bob', '%62ob'),
  ),
  field(
    [...ID_HEADERS.map(([name]) => name), 'x-amzn-trace-id', 'ot-tracer-traceid', 'x-b3-spanid'],
    idValue,
  ),
  field(['connection'], fc.constantFrom('tracestate, baggage', 'close, traceparent, x-request-id', HEADER)),
  field(['x-branchline-routed', 'x-branchline-route'], fc.constant('bob')),
)

describe.each(['restart', 'keep'] as const)('with BRANCHLINE_TRACE=%s', (mode) => {
  test.each([
    ['HTTP/1.1', behindRelay],
    ['HTTP/2', asStream],
    ['HTTP/2 for an app of HTTP/1.1', translated],
  ])(
    'whatever a visitor of %s sends, sidecars read the preview’s key, and no app forwards another',
    (_version, enter) => {
      fc.assert(
        fc.property(fc.array(forgery, { minLength: 1, maxLength: 6 }), (fields) => {
          const arrived = enter(fields, mode)
          if (arrived === undefined) return
          expect(keyOf(asObject(arrived, (name) => name.toLowerCase(), JOINS[0] as Join))).toBe('alice')
          expect([...keysForwarded(arrived)]).toEqual(['alice'])
          expect(arrived.some(([name]) => /branchline.route/i.test(name))).toBe(false)
        }),
        { numRuns: 500 },
      )
    },
  )
})

const HALF = `b7a9c1${BOB}`
test.each<FieldLine>([
  ['baggage', '%62ranchline=bob'],
  ['x_request_id', mintRequestId(BOB)],
  ['b3', `${HALF}-${SPAN}-1`],
  ['uberctx-branchline', 'bob'],
  ['traceparent', `00-0123456789abcdef${HALF}-${SPAN}-01`],
  ['uber-trace-id', `1, ${HALF}:${SPAN}:0:1`],
])('without a relay, the oracle detects the forgery %s: %s', (...field) => {
  expect([...keysForwarded([field])]).toContain('bob')
})

test('the fields of another tracer and its baggage are kept if they contain nothing of ours', () => {
  const kept = behindRelay(
    [
      ['b3', `${'1'.repeat(32)}-${SPAN}-1`],
      ['x_custom', '1'],
      ['baggage', 'a=1'],
    ],
    'keep',
  )
  expect(kept).toContainEqual(['b3', `${'1'.repeat(32)}-${SPAN}-1`])
  expect(kept).toContainEqual(['x_custom', '1'])
  expect(kept).toContainEqual(['baggage', 'branchline=alice,a=1'])
})

test.each([
  ['tracestate', true],
  ['Baggage'.toLowerCase(), true],
  ['x_request_id', true],
  ['x-forwarded-for', true],
  ['x_forwarded_for', true],
  ['x-b3-traceid', true],
  ['x-branchline-routed', true],
  [HEADER, true],
  ['server-timing', false],
  ['x-checksum', false],
])('the trailer %s is refused: %s', (name, refused) => {
  expect(refusedTrailers(HEADER)(name)).toBe(refused)
})

/** Python's WSGI server turns fields into variables. */
const WSGI = `
import sys, json, io, http.client
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
class Server: base_environ = {}
out = []
for head in json.load(sys.stdin):
    handler = WSGIRequestHandler.__new__(WSGIRequestHandler)
    handler.server, handler.client_address = Server, ('127.0.0.1', 1)
    handler.request_version, handler.command, handler.path = 'HTTP/1.1', 'GET', '/'
    handler.address_string = lambda: ''
    handler.headers = http.client.parse_headers(io.BytesIO(head.encode('latin-1')))
    environ = handler.get_environ()
    out.append({k[5:].lower().replace('_', '-'): v for k, v in environ.items() if k.startswith('HTTP_')})
print(json.dumps(out))
`
const hasPython = spawnSync('python3', ['-c', 'import wsgiref.simple_server']).status === 0

test.runIf(hasPython)('no app behind Python’s WSGI server forwards another key', () => {
  const samples = fc.sample(fc.array(forgery, { minLength: 1, maxLength: 6 }), 500)
  const heads = samples.flatMap((fields) => {
    const arrived = behindRelay(fields, 'keep')
    return arrived === undefined
      ? []
      : [arrived.map(([name, value]) => `${name}: ${value}\r\n`).join('') + '\r\n']
  })
  expect(heads.length).toBeGreaterThan(100)
  const python = spawnSync('python3', ['-c', WSGI], {
    input: JSON.stringify(heads),
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  expect(python.stderr).toBe('')
  for (const carrier of JSON.parse(python.stdout) as Forwarded[]) {
    expect([...keysForwarded(Object.entries(carrier))]).toEqual(['alice'])
  }
})
