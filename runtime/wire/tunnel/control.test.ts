import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { isKey } from '../key.ts'
import { parseClusterMessage, parseRelayMessage, parseTarget } from './control.ts'
import { TunnelProtocolError } from './error.ts'

// What SPEC.md says of the three, as schemas: the readers are held to them.
const label = z.string().refine(isKey)
const target = z.object({ environment: label, service: label, port: z.number().int().min(1).max(65535) })
const preview = target.extend({ label, key: label, access: z.string().max(64) })
const goAway = z.object({ type: z.literal('goaway'), reason: z.string().max(1024) })
const clusterMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('register'), cluster: label, previews: z.array(preview) }),
  z.object({ type: z.literal('update'), upsert: z.array(preview), remove: z.array(label) }),
  goAway,
])
const text = z.string().max(1024).optional()
const registration = z.object({ label, url: text, refusal: text })
const relayMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('registered'), previews: z.array(registration) }),
  goAway,
])

/** Mostly right values, and now and then one that is not. */
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
const anyPreview = fc.record({ ...targetFields, label: anyLabel, key: anyLabel, access: anyText, unknown })
const listOf = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<unknown> => or(fc.array(or(item), { maxLength: 3 }))
const anyGoAway = fc.record({ type: fc.constant('goaway'), reason: anyText })
const anyClusterMessage = fc.oneof(
  fc.record({ type: fc.constant('register'), cluster: anyLabel, previews: listOf(anyPreview), unknown }),
  fc.record({ type: fc.constant('update'), upsert: listOf(anyPreview), remove: listOf(anyLabel) }),
  anyGoAway,
)
const anyRegistration = fc.record(
  { label: anyLabel, url: anyText, refusal: anyText, unknown },
  { requiredKeys: ['label'] },
)
const anyRelayMessage = fc.oneof(
  fc.record({ type: fc.constant('registered'), previews: listOf(anyRegistration), unknown }),
  anyGoAway,
)

// What is expected depends on the schema's verdict.
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
])('%j: the fault is named by its place', (message, fault) => {
  expect(() => parseClusterMessage(Buffer.from(JSON.stringify(message)))).toThrow(
    expect.objectContaining({
      code: 'BL_TUNNEL_PROTOCOL',
      message: `a cluster’s control message: ${fault}`,
    }) as Error,
  )
})

test('names of the language’s own are no fields', () => {
  expect(() => parseTarget(Buffer.from('{"__proto__":{"environment":"a","service":"b","port":1}}'))).toThrow(
    TunnelProtocolError,
  )
})
