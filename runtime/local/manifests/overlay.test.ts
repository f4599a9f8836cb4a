import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { describeProblem } from '../types.ts'
import { readOverlay } from './overlay.ts'

const sentences = (text: string): string[] =>
  readOverlay('d/branchline.local.yaml', text).problems.map(describeProblem)

test('an entry has a command, a folder, what to watch, variables as they are written, and other containers', () => {
  const text = `
api: { command: python app.py, dir: ../api, watch: [src, "*.py"] }
shop/worker:
  command: [node, worker.js]
  watch: src
  env: { VERSION: 1.10, DEBUG: yes, EMPTY: , MODE: 0644, NAME: "a" }
  containers:
    cache: { command: redis-server, env: { PORT: 6379 } }
`
  const { overlay, problems } = readOverlay('d/branchline.local.yaml', text)
  expect(problems).toEqual([])
  expect(overlay).toEqual({
    file: 'd/branchline.local.yaml',
    folder: 'd',
    entries: [
      {
        name: 'api',
        line: 2,
        command: 'python app.py',
        dir: '../api',
        watch: ['src', '*.py'],
        containers: {},
      },
      {
        name: 'worker',
        namespace: 'shop',
        line: 3,
        command: ['node', 'worker.js'],
        watch: ['src'],
        env: { VERSION: '1.10', DEBUG: 'yes', EMPTY: '', MODE: '0644', NAME: 'a' },
        containers: { cache: { command: 'redis-server', env: { PORT: '6379' } } },
      },
    ],
  })
})

test('an empty file has no entry and no problem', () => {
  for (const text of ['', '# nothing yet\n', 'null\n'])
    expect(readOverlay('branchline.local.yaml', text)).toMatchObject({
      overlay: { entries: [] },
      problems: [],
    })
})

describe('a fault names file, line, field, value and remedy', () => {
  test.each([
    [
      'api: { comand: x }',
      'd/branchline.local.yaml:1: api.comand is not a known field: did you mean command? (fields in api: command, dir, watch, env, containers)',
    ],
    [
      'a: {}\napi:\n  command: 5',
      'd/branchline.local.yaml:3: api.command is 5: wanted a line for the shell, or a list of texts',
    ],
    ['api: { command: [] }', 'd/branchline.local.yaml:1: api.command is []: wanted at least 1'],
    ['api:', 'd/branchline.local.yaml:1: api is null: wanted an object'],
    ['api: { env: { A: [1] } }', 'd/branchline.local.yaml:1: api.env.A is [1]: wanted a text'],
    [
      'api: { containers: { web: { cmd: x } } }',
      'd/branchline.local.yaml:1: api.containers.web.cmd is not a known field: remove it (fields in api.containers.web: command, dir, watch, env)',
    ],
    ['Api: { dir: . }', /:1: "Api" is not a workload: wanted lower-case letters/],
    ['a/b/c: { dir: . }', /:1: "a\/b\/c" is not a workload: wanted NAME, or NAMESPACE\/NAME/],
    ['- api', /:1: is not a map: wanted a line for each workload, such as api: \{ command: npm start \}/],
    ['a: [1', /:1: is not valid YAML: /],
    ['a: { dir: . }\n---\nb: { dir: . }', /has several documents: put all workloads into one/],
  ])('%j', (text, sentence) => {
    const found = sentences(text)
    expect(found).toHaveLength(1)
    const isWanted = typeof sentence === 'string' ? found[0] === sentence : sentence.test(found[0] ?? '')
    expect({ isWanted, found }).toEqual({ isWanted: true, found })
  })
})

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/)
const words = fc.string({ minLength: 1, unit: 'grapheme' })
const variable = fc.stringMatching(/^[A-Za-z_][\w.-]{0,8}$/).filter((one) => one !== '__proto__')
const container = fc.record(
  {
    command: fc.oneof(words, fc.array(words, { minLength: 1 })),
    dir: words,
    watch: fc.array(words),
    env: fc.dictionary(variable, fc.string(), { noNullPrototype: true }),
  },
  { requiredKeys: [] },
)

test('every overlay that YAML can hold is read as it is written', () => {
  const entry = fc.tuple(container, fc.dictionary(name, container, { noNullPrototype: true }))
  const overlay = fc.dictionary(
    fc.oneof(
      name,
      fc.tuple(name, name).map((parts) => parts.join('/')),
    ),
    entry,
    {
      noNullPrototype: true,
    },
  )
  fc.assert(
    fc.property(overlay, (written) => {
      const value = Object.fromEntries(
        Object.entries(written).map(([key, [own, containers]]) => [key, { ...own, containers }]),
      )
      const { overlay: read, problems } = readOverlay(
        'branchline.local.yaml',
        // Manifests are YAML 1.1, in which `y` is a boolean.
        stringify(value, { compat: 'yaml-1.1' }),
      )
      expect(problems).toEqual([])
      const entries = read.entries.map(({ name: workload, namespace, line: _line, ...rest }) => [
        namespace === undefined ? workload : `${namespace}/${workload}`,
        rest,
      ])
      expect(Object.fromEntries(entries)).toEqual(value)
    }),
  )
})

test('any text is read without an exception, and has either entries or problems of one line', () => {
  const noise = fc.oneof(
    fc.string(),
    fc.json(),
    fc.anything().map((value) => {
      try {
        const written: string | undefined = stringify(value)
        return written ?? ''
      } catch {
        return ''
      }
    }),
  )
  fc.assert(
    fc.property(noise, (text) => {
      const { overlay, problems } = readOverlay('branchline.local.yaml', text)
      for (const problem of problems) {
        expect(problem).toMatchObject({ severity: 'error', file: 'branchline.local.yaml' })
        expect(problem.line).toBeGreaterThan(0)
      }
      expect(problems.length === 0 || overlay.entries.length === 0).toBe(true)
    }),
  )
})
