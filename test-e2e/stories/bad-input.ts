import assert from 'node:assert/strict'
import type { Shop } from '../harness/shop.ts'
import { until } from '../harness/until.ts'
import { stopWithoutFailure, startMixedLoad } from './overrides.ts'
import type { Proof } from './proof.ts'

const SENTENCE_TIMEOUT_MS = 30_000
const CONNECTIONS = 4

/** An invalid file, and what the message about it must name. */
interface Mistake {
  readonly what: string
  readonly file: string
  readonly text: string
  readonly names: readonly RegExp[]
}

const environment = (name: string, spec: string): string =>
  `{apiVersion: v1, kind: Namespace, metadata: {name: ${name}}}
---
{apiVersion: branchline.dev/v1alpha1, kind: Environment, metadata: {name: ${name}, namespace: ${name}}, spec: {${spec}}}
`
const preview = (name: string, namespace: string): string =>
  `---
{apiVersion: branchline.dev/v1alpha1, kind: Preview, metadata: {name: ${name}, namespace: ${namespace}}, spec: {service: web, port: 8080}}
`

const MISTAKES: readonly Mistake[] = [
  {
    what: 'a base that is missing',
    file: 'lost.yaml',
    text: environment('lost', 'type: branch, base: nowhere'),
    names: [/lost/, /base/, /nowhere/],
  },
  {
    what: 'a cycle of bases',
    file: 'round.yaml',
    text:
      environment('round', 'type: branch, base: about') +
      '---\n' +
      environment('about', 'type: branch, base: round'),
    names: [/round/, /about/, /base/, /leads back/],
  },
  {
    what: 'a key that is taken',
    file: 'thief.yaml',
    text: environment('thief', 'type: branch, base: baseline, key: alice'),
    names: [/thief/, /key/, /alice/],
  },
  {
    what: 'a host that is taken',
    file: 'twins.yaml',
    text:
      environment('c', 'type: branch, base: baseline') +
      preview('a--b', 'c') +
      '---\n' +
      environment('b--c', 'type: branch, base: baseline') +
      preview('a', 'b--c'),
    names: [/a--b--c/],
  },
  {
    what: 'an unknown field',
    file: 'typo.yaml',
    text: environment('typo', 'type: branch, bas: baseline'),
    names: [/typo/, /bas\b/],
  },
  {
    what: 'invalid YAML',
    file: 'broken.yaml',
    text: 'kind: [Environment\nmetadata: }\n',
    names: [/broken\.yaml/],
  },
]

const mistakeProof = (mistake: Mistake): Proof => ({
  title: `${mistake.what}: a sentence with file and field, and everything else keeps running`,
  async prove(shop) {
    const { load } = await startMixedLoad(shop, CONNECTIONS)
    await shop.manifests.write(mistake.file, mistake.text)
    try {
      const sentence = await until('a sentence', () => findSentence(shop, mistake), SENTENCE_TIMEOUT_MS)
      await stopWithoutFailure(load)
      return sentence.value
    } finally {
      await load.stop()
      await shop.manifests.remove(mistake.file)
      await until('the problem is gone', () => noProblem(shop, mistake), SENTENCE_TIMEOUT_MS)
    }
  },
})

async function findSentence(shop: Shop, { file, names }: Mistake): Promise<string> {
  const problems = await shop.platform.problems()
  const sentence = problems.find((text) => text.includes(file) && names.every((name) => name.test(text)))
  assert.ok(sentence, `none of ${JSON.stringify(problems)} names ${names.join(', ')}`)
  return sentence
}

async function noProblem(shop: Shop, { file }: Mistake): Promise<void> {
  const left = (await shop.platform.problems()).filter((text) => text.includes(file))
  assert.deepEqual(left, [])
}

export const badInput: readonly Proof[] = MISTAKES.map(mistakeProof)
