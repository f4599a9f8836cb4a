import { expect, test } from 'vitest'
import { choosePreview } from './open.ts'

const API = 'branchline.dev/v1alpha1'
const preview = (name: string, namespace: string) => ({
  apiVersion: API,
  kind: 'Preview',
  metadata: { name, namespace },
})
const environment = (name: string) => ({
  apiVersion: API,
  kind: 'Environment',
  metadata: { name, namespace: `ns-${name}` },
})

const environments = [environment('alice'), environment('base')]
const web = preview('web', 'ns-alice')
const all = [web, preview('web', 'ns-base'), preview('admin', 'ns-base')]

test.each([
  ['web@alice', web],
  ['alice', web],
  ['admin', all[2]],
])('%s is unambiguous', (name, expected) => {
  expect(choosePreview(name, all, environments)).toBe(expected)
})

test('without a name, the only preview', () => {
  expect(choosePreview(undefined, [web], environments)).toBe(web)
})

test.each([
  [undefined, all, 'open: there are several previews, so name one of admin@base, web@alice, web@base'],
  ['web', all, 'web: there are several previews, so name one of web@alice, web@base'],
  ['wbe@alice', all, 'preview "wbe@alice" does not exist: did you mean web@alice?'],
  ['x', all, 'preview "x" does not exist: there are admin@base, web@alice, web@base'],
  [undefined, [], 'there is no preview: add a Preview to an environment'],
])('%s: a message with the choices', (name, previews, message) => {
  expect(() => choosePreview(name, previews, environments)).toThrow(message)
})
