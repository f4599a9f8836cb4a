import { parseEnvironment, parsePreview } from '@branchline/wire/resources/parse'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { branch } from './shop/branch.ts'
import { SHOP, synthesise } from './synth.ts'

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

const manifestsOf = (text: string): Manifest[] =>
  parseAllDocuments(text).map((document) => document.toJS() as Manifest)

test.each([
  ['baseline', ['api', 'db', 'web', 'worker']],
  ['alice', ['api']],
  ['bob', ['worker']],
] as const)('%s runs %j, and its resources are right', (name, workloads) => {
  const manifests = manifestsOf(synthesise(SHOP[name]))
  const deployments = manifests.filter(({ kind }) => kind === 'Deployment')
  expect(deployments.map(({ metadata }) => metadata.name).toSorted()).toEqual(workloads)
  const environment = manifests.find(({ kind }) => kind === 'Environment')
  const preview = manifests.find(({ kind }) => kind === 'Preview')
  expect(parseEnvironment(environment).problems).toBeUndefined()
  expect(parsePreview(preview).problems).toBeUndefined()
})

test('the password is only in Secrets, and is the same in all environments of one synthesis', () => {
  const all = Object.values(SHOP).flatMap((build) => manifestsOf(synthesise(build)))
  const secrets = all.filter(({ kind }) => kind === 'Secret') as (Manifest & {
    stringData: { password: string }
  })[]
  const passwords = new Set(secrets.map(({ stringData }) => stringData.password))
  expect(new Set(secrets.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['baseline', 'bob']))
  expect(passwords.size).toBe(1)
  const others = JSON.stringify(all.filter(({ kind }) => kind !== 'Secret'))
  for (const password of passwords) expect(others).not.toContain(password)
})

test('a branch without overrides has three objects', () => {
  const kinds = manifestsOf(synthesise(branch('empty', { base: 'baseline' }))).map(({ kind }) => kind)
  expect(kinds).toEqual(['Namespace', 'Environment', 'Preview'])
})
