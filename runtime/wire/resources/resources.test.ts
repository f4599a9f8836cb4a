import { expect, test } from 'vitest'
import { z } from 'zod'
import { CORPUS, REFUSED_BY_CEL_ALONE } from './corpus.fixture.ts'
import { customResourceDefinitions, type Schema } from './crd.ts'
import { durationMs } from '../duration.ts'
import { parseEnvironment, parsePreview } from './parse.ts'

const parse = (object: Record<string, unknown>) =>
  object['kind'] === 'Preview' ? parsePreview(object) : parseEnvironment(object)

test.each(CORPUS.map((it) => [it.what, it] as const))('%s', (_, { object, refused }) => {
  const { value, problems = [] } = parse(object)
  expect(value !== undefined).toBe(refused === undefined)
  expect(problems).toHaveLength(refused === undefined ? 0 : 1)
  expect(problems[0]?.message ?? '').toMatch(refused ?? /^$/)
})

test('fills in defaults, and passes statuses and other metadata of any version', () => {
  const { value } = parseEnvironment({
    apiVersion: 'branchline.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name: 'a', namespace: 'b', managedFields: [{}], creationTimestamp: null },
    spec: { type: 'shared' },
    status: { key: 'a', newerField: 1 },
  })
  expect(value).toMatchObject({
    metadata: { managedFields: [{}] },
    spec: { onUnavailable: 'baseline', paused: false },
    status: { newerField: 1 },
  })
})

test.each([undefined, null, 3, 'x', [], {}, { kind: 'Environment' }])(
  '%j is refused with sentences',
  (object) => {
    const problems = parseEnvironment(object).problems ?? []
    expect(problems.length).toBeGreaterThan(0)
    for (const { message } of problems) expect(message).toMatch(/: (wanted|set it to) \S/)
  },
)

test.each([
  ['72h', 259_200_000],
  ['1h30m', 5_400_000],
  ['2m5s', 125_000],
  ['5s1m', Number.NaN],
  ['', Number.NaN],
  ['3d', Number.NaN],
])('%s are %d ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms)
})

const schemas = new Map(
  customResourceDefinitions().map(({ spec }) => {
    const { names, versions } = spec as {
      names: { kind: string }
      versions: { schema: { openAPIV3Schema: Schema } }[]
    }
    return [names.kind, versions[0]?.schema.openAPIV3Schema as Schema]
  }),
)

/** The verdict of the structural schema alone. The API server adds CEL and the check of unknown fields. */
const structure = (kind: unknown) =>
  z.fromJSONSchema(schemas.get(String(kind)) as Parameters<typeof z.fromJSONSchema>[0])

test.each(
  CORPUS.filter(({ refused }) => !String(refused).includes('not a known field')).map(
    (it) => [it.what, it] as const,
  ),
)("the CRD's structure judges alike: %s", (_, { object, refused, needsServer }) => {
  const accepted = structure(object['kind']).safeParse(object).success
  expect(accepted).toBe(refused === undefined || needsServer === true)
})

test('the CRDs contain nothing that an API server refuses in a structural schema', () => {
  const text = JSON.stringify([...schemas.values()])
  expect(text).not.toMatch(/"(?:anyOf|oneOf|allOf|not|\$ref|additionalProperties|const|nullable)"/)
  // Go's regular expressions have no look-arounds.
  expect(text).not.toMatch(/\(\?[=!<]/)
  expect(REFUSED_BY_CEL_ALONE.every(({ object }) => parse(object).problems === undefined)).toBe(true)
})

test('every field has a description for kubectl explain', () => {
  const undescribed: string[] = []
  const walk = (path: string, schema: Schema): void => {
    for (const [name, field] of Object.entries((schema['properties'] ?? {}) as Record<string, Schema>)) {
      const at = `${path}.${name}`
      if (field['description'] === undefined) undescribed.push(at)
      walk(at, field)
    }
  }
  for (const [kind, schema] of schemas) {
    for (const part of ['spec', 'status']) {
      walk(`${kind}.${part}`, (schema['properties'] as Record<string, Schema>)[part] as Schema)
    }
  }
  expect(undescribed).toEqual([])
})
