import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isMap, isScalar, parse, parseDocument, stringify, type YAMLMap } from 'yaml'
import { z } from 'zod'
import { RELEASE } from '../core/images.ts'
import {
  CHART,
  chartObjects,
  constructObjects,
  objectsIn,
  objectTemplates,
  renderTemplate,
} from './chart.fixture.ts'
import { crdManifests } from './manifests.ts'
import { parseValues } from './parse-values.ts'
import { anyValues } from './values.fixture.ts'
import { PLATFORM_VALUES, platformValues } from './values.ts'

const read = (path: string): string => readFileSync(join(CHART, path), 'utf8')
/** How to write the files again that a test compares with the code. */
const UPDATE = 'npx vitest run --project unit cdk8s/platform/chart --update'

describe('the chart and the construct make the same objects', () => {
  test('for the default values', () => {
    expect(chartObjects(PLATFORM_VALUES)).toEqual(constructObjects(PLATFORM_VALUES))
  })
  test('for random values, including texts that look like YAML or templates', () => {
    fc.assert(
      fc.property(anyValues, (values) => {
        expect(chartObjects(values)).toEqual(constructObjects(values))
      }),
      { numRuns: 200 },
    )
  })
  test('the random values are valid', () => {
    fc.assert(
      fc.property(anyValues, (values) => {
        expect(platformValues.parse(values)).toEqual(values)
      }),
    )
  })
})

describe('values.yaml', () => {
  test('states the default of every value', () => {
    // Helm creates the namespace of a release itself: `--create-namespace`.
    expect(parse(read('values.yaml'))).toEqual({ ...PLATFORM_VALUES, createNamespace: false })
  })
  test('explains every value', () => {
    const uncommented = (map: YAMLMap, prefix: string): string[] =>
      map.items.flatMap(({ key, value }, index) => {
        if (!isScalar<string>(key)) return []
        const path = `${prefix}${key.value}`
        // The comment before the first key of a map belongs to the map.
        const comment = key.commentBefore ?? (index === 0 ? map.commentBefore : undefined)
        const isGroup = isMap(value) && value.items.length > 0 && !path.endsWith('resources')
        if (isGroup) return uncommented(value, `${path}.`)
        return comment === undefined || comment === null ? [path] : []
      })
    const root = parseDocument(read('values.yaml')).contents
    expect(isMap(root) ? uncommented(root, '') : ['no map']).toEqual([])
  })
})

describe('files that are generated from the code', () => {
  test(`values.schema.json is the schema of the values: ${UPDATE}`, async () => {
    const schema = z.toJSONSchema(platformValues, { target: 'draft-7' })
    // A chart that has this one as a dependency passes its global values on.
    const properties = { ...schema.properties, global: { type: 'object' } }
    await expect(`${JSON.stringify({ ...schema, properties }, undefined, 2)}\n`).toMatchFileSnapshot(
      join(CHART, 'values.schema.json'),
    )
  })
  test.each(
    crdManifests().map((crd) => [(crd.spec as { names: { plural: string } }).names.plural, crd] as const),
  )(`crds/%s.yaml is the generated CRD: ${UPDATE}`, async (plural, crd) => {
    await expect(stringify(crd, { lineWidth: 0 })).toMatchFileSnapshot(join(CHART, `crds/${plural}.yaml`))
  })
  test('there are no other CRDs', () => {
    expect(readdirSync(join(CHART, 'crds')).toSorted()).toEqual(['environments.yaml', 'previews.yaml'])
  })
})

describe('the chart', () => {
  test('has the version of the release', () => {
    expect(parse(read('Chart.yaml'))).toMatchObject({ version: RELEASE, appVersion: RELEASE })
  })
  test('has one object in each template, and the file is named after component and kind', () => {
    const all = {
      ...PLATFORM_VALUES,
      relayToken: { secret: 's', key: 'k', value: 'v' },
      podMonitor: { enabled: true },
    }
    const relay = {
      ...all.relay,
      databaseUrl: { secret: 's', key: 'url' },
      service: { ...all.relay.service, type: 'LoadBalancer' as const },
    }
    for (const name of objectTemplates()) {
      const kinds = [...objectsIn(renderTemplate(name, { ...all, relay })).values()].map(({ kind }) => kind)
      expect(kinds.map((kind) => kind.toLowerCase())).toEqual([/([^-]+)\.yaml$/.exec(name)?.[1]])
    }
  })
  test('refuses a port of nodes for a Service of another type, with a sentence', () => {
    const service = { type: 'ClusterIP' as const, nodePort: 30_080, annotations: {} }
    expect(() => chartObjects({ ...PLATFORM_VALUES, relay: { ...PLATFORM_VALUES.relay, service } })).toThrow(
      'relay.service.nodePort is 30080, but relay.service.type is ClusterIP: set the type to NodePort, or remove the port',
    )
  })
  test('refuses a claim for a relay with a database, with a sentence', () => {
    const relay = {
      ...PLATFORM_VALUES.relay,
      databaseUrl: { secret: 's', key: 'url' },
      stateClaim: 'relay-state',
    }
    const sentence =
      'relay.stateClaim is "relay-state", but the state is in the database of relay.databaseUrl: remove one of them'
    expect(() => chartObjects({ ...PLATFORM_VALUES, relay })).toThrow(sentence)
    expect(parseValues({ ...PLATFORM_VALUES, relay }).faults).toEqual([sentence])
  })
  test('has notes that say how to make the join token and the first API key', () => {
    const notes = (over: Partial<typeof PLATFORM_VALUES.relay>): string =>
      renderTemplate('NOTES.txt', { ...PLATFORM_VALUES, relay: { ...PLATFORM_VALUES.relay, ...over } })
    const databaseUrl = { secret: 'relay-database', key: 'url' }
    expect(notes({})).toContain('exec deployment/branchline-relay -- node /app/main.js --new-owner-key')
    expect(notes({})).not.toContain('branchline-relay-join')
    expect(notes({ databaseUrl })).toContain('exec deployment/branchline-coordinator -- node')
    expect(notes({ databaseUrl })).toContain('branchline-relay-join --from-literal=token="blj_$(openssl')
    expect(notes({ databaseUrl })).toContain('relay-database --from-literal=url=')
    expect(notes({ ownerKey: { secret: 'owner', key: 'key' } })).not.toContain('--new-owner-key')
  })
  test('has notes that name the Secret which the pods need', () => {
    const { relayToken } = PLATFORM_VALUES
    const command = 'create secret generic branchline-relay-token --from-literal=token='
    expect(renderTemplate('NOTES.txt', PLATFORM_VALUES)).toContain(command)
    const withToken = { ...PLATFORM_VALUES, relayToken: { ...relayToken, value: 'x' } }
    expect(renderTemplate('NOTES.txt', withToken)).not.toContain('create secret')
  })
})
