import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Input, injectTexts, uninjectTexts } from './inject.ts'
import { styleOf } from './yaml-style.ts'

/** A workload and its Service, whose lists stand this many columns behind their key. */
const shop = (columns: number): string => {
  const behind = ' '.repeat(columns)
  return `# The front of the shop.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web # as its Service

spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      ${behind}- name: web
      ${behind}  image: shop/web:1 # pinned elsewhere
      ${behind}  args: [--port, "8080"]
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports:
  ${behind}- port: 80
`
}

test.each([
  ['lists behind their key', shop(2)],
  ['lists at the level of their key', shop(0)],
])('%s: inject and uninject restore the text byte for byte', (_what, text) => {
  const input: Input = { file: 'web.yaml', text }
  const [injected] = injectTexts([input], { environment: 'baseline' }).outputs as [Input]
  expect(injected.text).toContain('branchline-sidecar')
  expect(injected.text).toContain('# as its Service')
  expect(uninjectTexts([injected]).outputs).toEqual([input])
})

test('inject and uninject restore third-party manifests byte for byte', () => {
  const inputs = ['library.yaml', 'new-books.yaml'].map((file) => {
    return { file, text: readFileSync(join(import.meta.dirname, '../../test-e2e/foreign', file), 'utf8') }
  })
  const { outputs, changes } = injectTexts(inputs)
  expect(changes.length).toBeGreaterThan(6)
  expect(uninjectTexts(outputs).outputs).toEqual(inputs)
})

test('detects the style that reproduces the text', () => {
  expect(styleOf('a: [1, 2]\nb:\n- c: {d: 1}\n')).toEqual({
    indent: 2,
    indentSeq: false,
    flowCollectionPadding: false,
    lineWidth: 0,
  })
  expect(styleOf('a:\n    - b: { c: 1 }\n      d: 2\n')).toMatchObject({
    indent: 4,
    flowCollectionPadding: true,
  })
})
