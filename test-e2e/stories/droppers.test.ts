import { join } from 'node:path'
import { type ExplainedRoute, explainRoute } from 'branchline/route/explain.ts'
import { explainText } from 'branchline/route/text.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { environmentOf, manifestsOf, type Program, RunningProgram } from '../harness/programs.ts'
import { note } from '../harness/test-stories.ts'
import { until } from '../harness/until.ts'

/**
 * Services that drop tracestate and baggage. Each forwards only one other header: a real B3 tracer, a real Jaeger tracer,
 * one that copies x-request-id, and one in Python that writes B3 by hand. The last service is a leaf, and the branch
 * changes only the leaf.
 */
const PROGRAMS = join(import.meta.dirname, '../droppers')
const EXPLAIN_TIMEOUT_MS = 30_000
const NODE = { image: 'dropper', command: 'node service.ts' }
const PYTHON = { image: 'dropper-python', command: 'python3 service.py' }
const CHAIN = [
  { name: 'b3', ...NODE, forward: 'b3' },
  { name: 'jaeger', ...NODE, forward: 'jaeger' },
  { name: 'copier', ...NODE, forward: 'request-id' },
  { name: 'python', ...PYTHON, forward: 'none' },
  { name: 'leaf', ...NODE, forward: 'none' },
]

function programAt(index: number, version: string): Program {
  const { name, image, command, forward } = CHAIN[index] as (typeof CHAIN)[number]
  const next = CHAIN[index + 1]
  const env = { NAME: name, VERSION: version, FORWARD: forward }
  const all = next === undefined ? env : { ...env, UPSTREAM: `http://${next.name}:8000/` }
  return {
    name,
    image,
    folder: PROGRAMS,
    command,
    env: all,
    port: 8000,
    appProtocol: 'http',
    ready: '/ready',
  }
}

describe('a program whose services drop the key', () => {
  let program: RunningProgram
  const said = (name: string): Promise<string[]> => program.said(name, 'b3')
  const WAY = ['b3 1', 'jaeger 1', 'copier 1', 'python 1']

  const both = async (): Promise<void> => {
    expect(await said('droppers')).toEqual([...WAY, 'leaf 1'])
    expect(await said('new-leaf')).toEqual([...WAY, 'leaf 2'])
  }

  beforeAll(async () => {
    const first = [programAt(0, '1')]
    const whole = CHAIN.map((_, index) => manifestsOf('droppers', programAt(index, '1'))).join('')
    const leaf = manifestsOf('new-leaf', programAt(CHAIN.length - 1, '2'))
    program = await RunningProgram.start({
      droppers: environmentOf('droppers', first) + whole,
      'new-leaf': environmentOf('new-leaf', first, 'droppers') + leaf,
    })
  })
  afterAll(() => program?.stop())

  test('branches work through services that drop tracestate and baggage', async () => {
    await program.ready('both environments', both)
    const names = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? 'droppers' : 'new-leaf'))
    const leaves = await Promise.all(names.map(async (name) => (await said(name)).at(-1)))
    expect(leaves).toEqual(names.map((name) => (name === 'droppers' ? 'leaf 1' : 'leaf 2')))
  })

  test('route explain shows the whole path, although no service forwards its header', async () => {
    const url = await program.urlOf('new-leaf', 'b3')
    // A hop is lost if its sidecar is reconnecting to the manager. Then the request is repeated.
    let asked = 0
    const whole = async (): Promise<ExplainedRoute> => {
      asked++
      const explained = await explainRoute(url)
      expect(explained.hops).toHaveLength(CHAIN.length + 1)
      return explained
    }
    const { value: explained } = await until('the whole path', whole, EXPLAIN_TIMEOUT_MS)
    note(`asked ${asked}×: ${explainText(explained)}`)
    const path = explained.hops.map(({ service, environment, reason }) => [service, environment, reason])
    expect(path).toEqual([
      ...CHAIN.slice(0, -1).map(({ name }) => [name, 'droppers', 'own']),
      ['leaf', 'new-leaf', 'override'],
      ['leaf', 'new-leaf', 'routed'],
    ])
    expect(explained.hops.map(({ source }) => source)).toEqual([
      'tracestate',
      'id',
      'id',
      'id',
      'id',
      'tracestate',
    ])
  })
})
