import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { isKey } from '../key.ts'
import { parseClusterMessage, parseRelayMessage, parseTarget } from './control.ts'
import { TunnelProtocolError } from './error.ts'

// The messages of SPEC.md as schemas, with which the readers are compared.
const label = z.string().refine(isKey)
const target = z.object({ environment: label, service: label, port: z.number().int().min(1).max(65535) })
const preview = target.extend({
  label,
  key: label,
  access: z.string().max(64),
  // Any other protocol is that of a later version, and is left out.
  protocol: z.enum(['http', 'http2', 'grpc']).optional().catch(undefined),
})
// oxlint-disable-next-line no-control-regex -- the protocol refuses these characters
const printable = z.string().regex(/^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$/)
const goAway = z.object({ type: z.literal('goaway'), reason: printable.max(1024) })
const flag = z.boolean().optional()
const clusterMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('register'),
    cluster: label,
    instance: label.optional(),
    link: z.int().min(0).max(255).optional(),
    previews: z.array(preview),
    more: flag,
    leads: flag,
  }),
  z.object({
    type: z.literal('update'),
    upsert: z.array(preview),
    remove: z.array(label),
    more: flag,
    leads: flag,
  }),
  goAway,
])
const registration = z
  .object({ label, url: z.string().max(1024).optional(), refusal: printable.max(1024).optional() })
  .refine(({ label, url }) => url === undefined || url === urlOf(label))
const relayMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('registered'),
    previews: z.array(registration),
    led: flag,
    streams: z
      .int()
      .min(1)
      .max(2 ** 31 - 1)
      .optional(),
  }),
  goAway,
])

function urlOf(label: string): string {
  return `https://${label}.preview.example:8443`
}

/** Mostly valid values, and sometimes an invalid one. */
const or = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 60, arbitrary: right },
    {
      weight: 1,
      arbitrary: fc.constantFrom<unknown>(null, 0, 1.5, 65_536, '', 'A b', [], {}, true, 'x'.repeat(1025)),
    },
  )
const anyLabel = or(fc.constantFrom('alice', 'web--alice', 'constructor'))
const anyText = or(fc.constantFrom('', 'public', 'é', 'x'.repeat(64)))
const unknown = fc.constant(1)
const targetFields = {
  environment: anyLabel,
  service: anyLabel,
  port: or(fc.integer({ min: 1, max: 65_535 })),
}
const anyTarget = fc.record({ ...targetFields, unknown })
const anyPreview = fc.record(
  {
    ...targetFields,
    label: anyLabel,
    key: anyLabel,
    access: anyText,
    protocol: fc.constantFrom<unknown>('http', 'http2', 'grpc', 'later', 1, null),
    unknown,
  },
  { requiredKeys: ['environment', 'service', 'port', 'label', 'key', 'access'] },
)
const anyFlag = or(fc.boolean())
const listOf = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<unknown> => or(fc.array(or(item), { maxLength: 3 }))
const anyGoAway = fc.record({ type: fc.constant('goaway'), reason: anyText })
const anyClusterMessage = fc.oneof(
  fc.record(
    {
      type: fc.constant('register'),
      cluster: anyLabel,
      instance: anyLabel,
      link: or(fc.integer({ min: 0, max: 255 })),
      previews: listOf(anyPreview),
      more: anyFlag,
      leads: anyFlag,
      unknown,
    },
    { requiredKeys: ['type', 'cluster', 'previews'] },
  ),
  fc.record(
    {
      type: fc.constant('update'),
      upsert: listOf(anyPreview),
      remove: listOf(anyLabel),
      more: anyFlag,
      leads: anyFlag,
    },
    { requiredKeys: ['type', 'upsert', 'remove'] },
  ),
  anyGoAway,
)
const anyRegistration = fc.record(
  { label: anyLabel, url: or(fc.constantFrom('alice', 'web--alice').map(urlOf)), refusal: anyText, unknown },
  { requiredKeys: ['label'] },
)
const anyRelayMessage = fc.oneof(
  fc.record(
    {
      type: fc.constant('registered'),
      previews: listOf(anyRegistration),
      led: anyFlag,
      streams: or(fc.integer({ min: 1, max: 2 ** 31 - 1 })),
      unknown,
    },
    { requiredKeys: ['type', 'previews'] },
  ),
  anyGoAway,
)

// The expectation depends on the schema's verdict.
// oxlint-disable vitest/no-conditional-expect
test.each([
  ['what a stream wants', parseTarget, target, anyTarget],
  ['a cluster’s message', parseClusterMessage, clusterMessage, anyClusterMessage],
  ['a relay’s message', parseRelayMessage, relayMessage, anyRelayMessage],
] as const)(
  '%s: what the schema takes is read the same, what it refuses is refused',
  (_, parse, schema, any) => {
    let taken = 0
    fc.assert(
      fc.property(
        fc.oneof(
          { weight: 9, arbitrary: any },
          { weight: 1, arbitrary: fc.json().map((json) => JSON.parse(json) as unknown) },
        ),
        (value) => {
          const payload = Buffer.from(JSON.stringify(value))
          const verdict = schema.safeParse(value)
          if (verdict.success) {
            taken++
            expect(parse(payload)).toEqual(verdict.data)
          } else expect(() => parse(payload)).toThrow(TunnelProtocolError)
        },
      ),
      { numRuns: 2_000 },
    )
    expect(taken).toBeGreaterThan(300)
  },
)
// oxlint-enable vitest/no-conditional-expect

test.each([
  [
    { type: 'register', cluster: 'dev', previews: [{ label: 'a.b' }] },
    'previews.0.label: wanted a DNS label',
  ],
  [{ type: 'hello' }, 'type: wanted register, update or goaway'],
  [{ type: 'update', upsert: [], remove: {} }, 'remove: wanted a list'],
  [[], 'wanted an object'],
])('%j: the error names the place of the fault', (message, fault) => {
  expect(() => parseClusterMessage(Buffer.from(JSON.stringify(message)))).toThrow(
    expect.objectContaining({
      code: 'BL_TUNNEL_PROTOCOL',
      message: `a cluster’s control message: ${fault}`,
    }) as Error,
  )
})

test('inherited properties are not fields', () => {
  expect(() => parseTarget(Buffer.from('{"__proto__":{"environment":"a","service":"b","port":1}}'))).toThrow(
    TunnelProtocolError,
  )
})

describe('a label from a hostile relay', () => {
  const registered = (fields: object): Buffer =>
    Buffer.from(JSON.stringify({ type: 'registered', previews: [{ label: 'web--alice', ...fields }] }))

  test.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'https://user:secret@web--alice.example',
    'https://web--alice@evil.example',
    'https://evil.example/web--alice.example',
    'https://web--alicex.example',
    'https://web--alice.example\n/',
    'https://web--alice.example/\u001b[2J',
    'web--alice.example',
    '',
  ])('refuses the URL %j', (url) => {
    expect(() => parseRelayMessage(registered({ url }))).toThrow(
      expect.objectContaining({
        message: expect.stringContaining('previews.0.url: wanted') as string,
      }) as Error,
    )
  })

  test.each(['\u001b[2J', 'a\nb', '\u009b31m', '\u202eevil', '\u007f'])(
    'a refusal with %j is refused',
    (refusal) => {
      expect(() => parseRelayMessage(registered({ refusal }))).toThrow(TunnelProtocolError)
    },
  )

  test.each(['http://web--alice.localhost:8080', 'https://WEB--alice.preview.example/'])(
    'the URL %j is taken as it is',
    (url) => {
      expect(parseRelayMessage(registered({ url }))).toMatchObject({ previews: [{ url }] })
    },
  )
})
