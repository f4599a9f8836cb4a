import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { PLATFORM_VALUES } from '@branchline/cdk8s/platform/values'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { CHART_DEFAULTS, chartFiles, withValues } from './chart.ts'

const SOURCE = join(
  dirname(createRequire(import.meta.url).resolve('@branchline/cdk8s/package.json')),
  'chart',
)
const DEFAULTS = { ...PLATFORM_VALUES, ...CHART_DEFAULTS }

test('without other values the chart is copied byte for byte', async () => {
  const files = await chartFiles(DEFAULTS)
  const paths = readdirSync(SOURCE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
  const source = paths.map((path) => [path.slice(SOURCE.length + 1), readFileSync(path, 'utf8')])
  expect(files).toEqual(Object.fromEntries(source))
})

test('other values become defaults of values.yaml, which keeps its comments', async () => {
  const values = {
    ...DEFAULTS,
    nodeSelector: { pool: 'system' },
    tolerations: [{ key: 'dedicated', operator: 'Exists' }],
    relay: { ...DEFAULTS.relay, domain: 'preview.example.com', resources: { limits: { cpu: 1 } } },
  }
  const [before, after] = [await chartFiles(DEFAULTS), await chartFiles(values)]
  const text = after['values.yaml'] as string
  expect(parse(text)).toEqual(values)
  const comments = (yaml: string | undefined) => yaml?.split('\n').filter((line) => /^\s*#/.test(line))
  expect(comments(text)).toEqual(comments(before['values.yaml']))
  expect(text).toContain('\n  domain: preview.example.com\n')
  expect(text).toContain('\nnodeSelector:\n  pool: system\n')
  expect({ ...after, 'values.yaml': '' }).toEqual({ ...before, 'values.yaml': '' })
})

test('a text that reads like something else in YAML is quoted', () => {
  expect(withValues('# Why.\na: x\n', { a: 'true' })).toBe('# Why.\na: "true"\n')
})
