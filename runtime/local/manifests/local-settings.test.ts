import { expect, test } from 'vitest'
import type { PodTemplate } from '../kubernetes.ts'
import { describeProblem } from '../types.ts'
import { withOverlays } from './local-settings.ts'
import { readOverlay } from './overlay.ts'
import { podTemplateOf } from './pod-template.ts'
import type { Manifest } from './read.ts'

const manifest = (file: string, name: string, namespace: string, annotations = {}): Manifest => ({
  file,
  line: 1,
  object: {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      template: {
        metadata: { annotations },
        spec: {
          initContainers: [{ name: 'wait' }],
          containers: [{ name: 'app', env: [{ name: 'A', value: '1' }] }, { name: 'cache' }],
        },
      },
    },
  },
})
const apply = (manifests: readonly Manifest[], files: Record<string, string>) => {
  const overlays = Object.entries(files).map(([file, text]) => readOverlay(file, text).overlay)
  const { objects, problems } = withOverlays(manifests, overlays, '/m')
  const templates = objects.map((object) => podTemplateOf(object) as PodTemplate)
  return {
    templates,
    annotations: templates.map(({ metadata }) => metadata?.annotations ?? {}),
    problems: problems.map(describeProblem),
  }
}

test('settings become annotations with full paths and variables, of the first container and of those that are named', () => {
  const text = `api: { command: npm start, dir: ../api, watch: [src], env: { A: "2", B: "3" }, containers: { cache: { command: [redis-server], dir: . }, wait: { command: "true" } } }`
  const { templates, annotations, problems } = apply([manifest('a/b.yaml', 'api', 'shop')], {
    'branchline.local.yaml': text,
  })
  expect(problems).toEqual([])
  expect(annotations).toEqual([
    {
      'branchline.dev/local-command': 'npm start',
      'branchline.dev/local-dir': '/api',
      'branchline.dev/local-watch': '["/api/src"]',
      'local-command.branchline.dev/cache': '["redis-server"]',
      'local-dir.branchline.dev/cache': '/m',
      'local-command.branchline.dev/wait': 'true',
      'local-dir.branchline.dev/wait': '/api',
    },
  ])
  expect(templates[0]?.spec.containers[0]?.env).toEqual([
    { name: 'A', value: '2' },
    { name: 'B', value: '3' },
  ])
})

test('the nearest file takes precedence, and within a file the entry with a namespace', () => {
  const manifests = [
    manifest('base/api.yaml', 'api', 'base', { 'branchline.dev/local-dir': 'src' }),
    manifest('alice/api.yaml', 'api', 'alice'),
    manifest('x.yaml', 'api', 'x'),
  ]
  const { annotations } = apply(manifests, {
    'alice/branchline.local.yaml': 'api: { command: near }',
    'branchline.local.yaml': 'x/api: { command: own }\napi: { command: all }',
  })
  expect(annotations).toEqual([
    { 'branchline.dev/local-command': 'all', 'branchline.dev/local-dir': '/m/base/src' },
    { 'branchline.dev/local-command': 'near', 'branchline.dev/local-dir': '/m' },
    { 'branchline.dev/local-command': 'own', 'branchline.dev/local-dir': '/m' },
  ])
})

test('a line that begins with a bracket stays a line', () => {
  const { annotations } = apply([manifest('a.yaml', 'api', 'shop')], {
    'branchline.local.yaml': 'api: { command: "[ -e x ] && npm start" }',
  })
  expect(annotations[0]?.['branchline.dev/local-command']).toBe('["sh","-c","[ -e x ] && npm start"]')
})

test('an entry without a workload or a container is a problem with a hint', () => {
  const manifests = [manifest('a.yaml', 'api', 'shop'), manifest('sub/b.yaml', 'web', 'shop')]
  const { problems } = apply(manifests, {
    'branchline.local.yaml':
      'apy: { dir: . }\nship/api: { dir: . }\nother: { dir: . }\napi: { containers: { cash: { dir: . } } }',
    'sub/branchline.local.yaml': 'api: { dir: . }',
  })
  expect(problems).toEqual([
    'branchline.local.yaml:1: apy is not a workload of these manifests: did you mean api?',
    'branchline.local.yaml:3: other is not a workload of these manifests: there are api, web',
    'branchline.local.yaml:4: api has no container cash: there are app, cache, wait',
    'branchline.local.yaml:2: ship/api is not a workload of these manifests: did you mean shop/api?',
    'sub/branchline.local.yaml:1: api is not a workload of these manifests: there are web',
  ])
})
