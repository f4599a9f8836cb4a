import { injectSidecars, type Manifest } from '@branchline/cdk8s/inject'
import { parseYaml } from '@branchline/runtime/local/manifests/yaml'
import fc from 'fast-check'
import { LineCounter } from 'yaml'
import { expect, test } from 'vitest'
import { injectTexts, uninjectTexts } from '../commands/inject.ts'
import { objectsIn } from './document.ts'
import { anyManifests } from './manifests.fixture.ts'
import { takeSources } from './record.ts'
import { chooser, writeJsonFile, writeYamlFile } from './styles.fixture.ts'

const options = { environment: 'alice', above: ['baseline'] }

function read(text: string): Manifest[] {
  return parseYaml(text, new LineCounter()).flatMap((it) => {
    if (it.message !== undefined) throw new Error(`line ${it.line}: ${it.message}`)
    return objectsIn(it.value).map(({ object }) => takeSources(object).bare)
  })
}

function checkFile(text: string, objects: readonly unknown[]): void {
  // What is written in any style is read.
  expect(read(text)).toEqual(objects)
  const file = 'a.yaml'
  const once = injectTexts([{ file, text }], options)
  expect(once.problems).toEqual([])
  const injected = once.outputs[0]?.text as string
  expect(injected).not.toBe(text)
  // The edit has the same result as the injection of the objects.
  const wanted = injectSidecars(objects as Manifest[], options).manifests
  expect(read(injected)).toEqual(JSON.parse(JSON.stringify(wanted)))
  expect(injectTexts(once.outputs, options).outputs).toEqual(once.outputs)
  const updated = injectTexts(once.outputs, { ...options, sidecar: { image: 'mirror/sidecar:2' } })
  for (const { outputs } of [once, updated]) {
    const restored = uninjectTexts(outputs)
    expect(restored.problems).toEqual([])
    expect(restored.outputs).toEqual([{ file, text }])
  }
}

// On a busy machine, fewer runs have to do.
const isSlow = process.env['BRANCHLINE_SLOW'] !== undefined
const RUNS = isSlow ? { numRuns: 2000, endOnFailure: true } : { numRuns: 40, interruptAfterTimeLimit: 10_000 }

test('uninject restores YAML of any style byte for byte, and a second injection changes nothing', () => {
  const property = fc.property(anyManifests, fc.gen(), (objects, draw) => {
    checkFile(writeYamlFile(chooser(draw), objects), objects)
  })
  expect(fc.check(property, RUNS)).toMatchObject({ failed: false, errorInstance: null })
}, 600_000)

test('uninject restores JSON of any indentation byte for byte', () => {
  const property = fc.property(anyManifests, fc.gen(), (objects, draw) => {
    checkFile(writeJsonFile(chooser(draw), objects), objects)
  })
  expect(fc.check(property, RUNS)).toMatchObject({ failed: false, errorInstance: null })
}, 600_000)

test('JSON stays JSON', () => {
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: {} }, null, 2)
  const [injected] = injectTexts([{ file: 'a.json', text }], options).outputs
  expect(JSON.parse(injected?.text ?? '')).toMatchObject({
    metadata: { name: 'a', labels: { 'branchline.dev/environment': 'alice' } },
  })
})
