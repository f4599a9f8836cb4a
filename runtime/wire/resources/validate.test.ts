import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Environment } from './environment.ts'
import { parseEnvironment, parsePreview } from './parse.ts'
import type { Preview } from './preview.ts'
import { environmentsAbove, validateResources } from './validate.ts'

function environment(
  name: string,
  spec: Partial<Environment['spec']> = {},
  metadata: object = {},
): Environment {
  const { value, problems } = parseEnvironment({
    apiVersion: 'branchline.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name, namespace: name, ...metadata },
    spec: { type: spec.base === undefined ? 'shared' : 'branch', ...spec },
  })
  if (value === undefined) throw new Error(JSON.stringify(problems))
  return value
}
function preview(name: string, namespace: string, metadata: object = {}): Preview {
  const { value, problems } = parsePreview({
    apiVersion: 'branchline.dev/v1alpha1',
    kind: 'Preview',
    metadata: { name, namespace, ...metadata },
    spec: { service: 'web', port: 80 },
  })
  if (value === undefined) throw new Error(JSON.stringify(problems))
  return value
}
const told = (environments: Environment[], previews: Preview[] = []): string[] =>
  validateResources(environments, previews).map(
    (it) => `${it.kind} ${it.name} ${it.reason} ${it.field}: ${it.message}`,
  )

const baseline = environment('baseline')

test('allows three environments above a branch, and refuses a fourth', () => {
  const chain = [
    baseline,
    environment('a', { base: 'baseline' }),
    environment('b', { base: 'a' }),
    environment('c', { base: 'b' }),
  ]
  expect(told(chain)).toEqual([])
  expect(told([...chain, environment('d', { base: 'c' })])).toEqual([
    'Environment d TooDeep spec.base: spec.base "c" puts 4 environments above this one ' +
      '(d → c → b → a → baseline): at most 3 are allowed, so use a base nearer to "baseline"',
  ])
})

describe('a resource that is being deleted claims nothing', () => {
  const deletionTimestamp = '2026-11-21T10:00:00Z'
  const reasons = (environments: Environment[], previews: Preview[], ...terminating: string[]): string[] =>
    validateResources(environments, previews, new Set(terminating)).map(
      (it) => `${it.kind} ${it.namespace}/${it.name} ${it.reason}`,
    )

  test('an environment that is being deleted: its branches and its previews have a problem', () => {
    const leaving = environment('a', { base: 'baseline' }, { deletionTimestamp })
    const children = [environment('b', { base: 'a' }), environment('c', { base: 'b' })]
    expect(told([baseline, leaving, ...children], [preview('web', 'a')])).toEqual([
      'Environment a Terminating metadata.deletionTimestamp: metadata.deletionTimestamp is set, so this ' +
        'environment is being deleted: nothing is routed to it',
      'Environment b BaseTerminating spec.base: spec.base "a" is being deleted: use another environment',
      'Environment c BaseInvalid spec.base: spec.base "b" depends on "b", which has a problem: spec.base "a" is ' +
        'being deleted: use another environment',
      'Preview web EnvironmentInvalid metadata.namespace: metadata.namespace "a" has an environment with a ' +
        'problem: metadata.deletionTimestamp is set, so this environment is being deleted: nothing is routed to it',
    ])
  })

  test('a preview that is being deleted, and resources in a namespace that is being deleted', () => {
    const branch = environment('a', { base: 'baseline' })
    expect(
      reasons([baseline, branch], [preview('web', 'a', { deletionTimestamp }), preview('x', 'a')]),
    ).toEqual(['Preview a/web Terminating'])
    expect(reasons([baseline, branch], [preview('web', 'a')], 'a', 'other')).toEqual([
      'Environment a/a Terminating',
      'Preview a/web Terminating',
    ])
  })

  test('namespace, name, key and host are free immediately', () => {
    const young = { creationTimestamp: '2026-11-21T11:00:00Z' }
    const old = { deletionTimestamp, creationTimestamp: '2026-11-21T09:00:00Z' }
    const gone = environment('a', { base: 'baseline', key: 'k' }, old)
    const same = environment('b', { base: 'baseline', key: 'k' }, { namespace: 'a', ...young })
    expect(reasons([baseline, gone, same], [preview('web', 'a')])).toEqual(['Environment a/a Terminating'])
    const moved = environment('a', { base: 'baseline', key: 'k' }, { namespace: 'other', ...young })
    const previews = [preview('web', 'a', old), preview('web', 'other')]
    expect(reasons([baseline, gone, moved], previews)).toEqual([
      'Environment a/a Terminating',
      'Preview a/web Terminating',
    ])
  })
})

describe('reports each fault as one sentence', () => {
  const cases: [string, Environment[], Preview[], string[]][] = [
    [
      'a base with a typo',
      [environment('alice', { base: 'basline' }), environment('baseline')],
      [],
      [
        'Environment alice BaseNotFound spec.base: spec.base "basline" is not an environment: did you mean baseline…',
      ],
    ],
    [
      'a missing base, and the branches that depend on it',
      [environment('a', { base: 'gone' }), environment('b', { base: 'a' })],
      [preview('web', 'b')],
      [
        'Environment a BaseNotFound spec.base: spec.base "gone" is not an environment: create it, or correct the name',
        'Environment b BaseInvalid spec.base: spec.base "a" depends on "a", which has a problem: spec.base "gone" …',
        'Preview web EnvironmentInvalid metadata.namespace: …',
      ],
    ],
    [
      'a branch without base',
      [environment('a', { type: 'branch' })],
      [],
      ['Environment a BaseMissing spec.base: spec.base is missing: set it to the environment that …'],
    ],
    [
      'a base of a shared one',
      [baseline, environment('a', { type: 'shared', base: 'baseline' })],
      [],
      ['Environment a BaseUnexpected spec.base: spec.base "baseline" is given, but spec.type is shared: …'],
    ],
    [
      'a personal base',
      [environment('me', { type: 'personal' }), environment('a', { base: 'me' })],
      [],
      [
        'Environment a BasePersonal spec.base: spec.base "me" is personal: use a shared environment or a branch',
      ],
    ],
    ['its own base', [environment('a', { base: 'a' })], [], ['Environment a BaseCycle spec.base: …(a → a)…']],
    [
      'a cycle, and who leads into it',
      [environment('a', { base: 'b' }), environment('b', { base: 'a' }), environment('c', { base: 'a' })],
      [],
      [
        'Environment a BaseCycle spec.base: spec.base "b" leads back to this environment (a → b → a): give …',
        'Environment b BaseCycle spec.base: spec.base "a" leads back to this environment (b → a → b): …',
        'Environment c BaseInvalid spec.base: …',
      ],
    ],
    [
      'one key twice: the older keeps it',
      [
        environment('a', { key: 'k' }, { creationTimestamp: '2026-01-02T00:00:00Z' }),
        environment('b', { key: 'k' }, { creationTimestamp: '2026-01-01T00:00:00Z' }),
      ],
      [],
      [
        'Environment a KeyTaken spec.key: spec.key "k" is already taken by the environment "b" in namespace "b": …',
      ],
    ],
    [
      'one name twice',
      [environment('a', {}, { namespace: 'x' }), environment('a', {}, { namespace: 'y' })],
      [],
      [
        'Environment a NameTaken metadata.name: metadata.name "a" is already taken by the environment in namespace "x": …',
      ],
    ],
    [
      'two in a namespace',
      [environment('a'), environment('b', {}, { namespace: 'a' })],
      [],
      [
        'Environment b NamespaceTaken metadata.namespace: metadata.namespace "a" already has the environment "a": …',
      ],
    ],
    [
      'one host twice',
      [environment('c'), environment('b--c')],
      [preview('a--b', 'c'), preview('a', 'b--c')],
      [
        'Preview a--b HostTaken metadata.name: metadata.name results in the host "a--b--c", which the preview "a" …',
      ],
    ],
    [
      'a preview without environment',
      [],
      [preview('web', 'x')],
      ['Preview web EnvironmentNotFound metadata.namespace: metadata.namespace "x" has no environment: …'],
    ],
  ]
  test.each(cases)('%s', (_, environments, previews, wanted) => {
    const pattern = (text: string): RegExp =>
      new RegExp(
        `^${text
          .split('…')
          .map((part) => part.replace(/[()."→]/g, String.raw`\$&`))
          .join('.*')}$`,
      )
    expect(told(environments, previews)).toEqual(
      wanted.map((text) => expect.stringMatching(pattern(text)) as string),
    )
  })
})

test('environments without a problem have complete chains, in any order', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const any = fc.record({
    name: fc.constantFrom(...names),
    namespace: fc.constantFrom(...names),
    base: fc.option(fc.constantFrom(...names), { nil: undefined }),
    key: fc.option(fc.constantFrom('a', 'k'), { nil: undefined }),
    personal: fc.boolean(),
  })
  // Neither an API server nor a folder has two resources of one name in one namespace.
  const selector = ({ name, namespace }: { name: string; namespace: string }): string =>
    `${namespace}/${name}`
  fc.assert(
    fc.property(fc.uniqueArray(any, { maxLength: 8, selector }), (all) => {
      const environments = all.map(({ name, namespace, base, key, personal }, index) =>
        environment(
          name,
          {
            ...(base === undefined ? (personal ? { type: 'personal' as const } : {}) : { base }),
            ...(key === undefined ? {} : { key }),
          },
          { namespace, uid: String(index), creationTimestamp: String(index) },
        ),
      )
      const problems = validateResources(environments, [])
      const again = validateResources(environments.toReversed(), [])
      const text = (list: typeof problems) => list.map((it) => JSON.stringify(it)).sort()
      expect(text(again)).toEqual(text(problems))
      const good = environments.filter(
        ({ metadata }) =>
          !problems.some((it) => it.name === metadata.name && it.namespace === metadata.namespace),
      )
      const byName = new Map(good.map((it) => [it.metadata.name, it]))
      expect(byName.size).toBe(good.length)
      for (const it of good) {
        const chain = [it, ...environmentsAbove(it, byName)]
        expect(chain.length).toBeLessThanOrEqual(4)
        expect(chain.at(-1)?.spec.type).not.toBe('branch')
        for (const base of chain.slice(1)) expect(base.spec.type).not.toBe('personal')
      }
    }),
  )
})
