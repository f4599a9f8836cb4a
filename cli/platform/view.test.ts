import { expect, test } from 'vitest'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { platformImage, platformObjects } from './objects.ts'
import { environmentTable } from './table.ts'
import { environmentViews } from './view.ts'

const object = (kind: string, name: string, spec: object, status?: object): KubernetesObject => ({
  apiVersion: 'branchline.dev/v1alpha1',
  kind,
  metadata: { name, namespace: kind === 'Preview' ? 'alice' : name },
  spec,
  ...(status !== undefined && { status }),
})
const ready = { conditions: [{ type: 'Ready', status: 'True', message: 'fine' }] }

test('lists bases before their branches, and shows a cycle', () => {
  const environments = [
    object('Environment', 'alice', { type: 'branch', base: 'zoo' }, { ...ready, overrides: ['api'] }),
    object('Environment', 'zoo', { type: 'shared' }, ready),
    object('Environment', 'x', { type: 'branch', base: 'y' }),
    object('Environment', 'y', { type: 'branch', base: 'x' }),
  ]
  const previews = [object('Preview', 'web', {}, { ...ready, url: 'http://web--alice.localhost:1' })]
  const views = environmentViews(environments, previews, new Map([['alice', 420]]))
  expect(views.map(({ name }) => name)).toEqual(['zoo', 'alice', 'x', 'y'])
  expect(views[1]).toMatchObject({ ready: true, overrides: ['api'], readyAfterMs: 420 })
  expect(views[1]?.previews[0]).toMatchObject({ ready: true, url: 'http://web--alice.localhost:1' })
  const table = environmentTable(views)
  expect(table.split('\n')).toEqual([
    'ENVIRONMENT   BASE   OVERRIDES   READY   PREVIEW                         TIME',
    'zoo           -      -           yes     -                               -',
    'alice         zoo    api         yes     http://web--alice.localhost:1   0.42 s',
    'x             y      -           no      -                               -',
    '  the manager has not seen it yet',
    'y             x      -           no      -                               -',
    '  the manager has not seen it yet',
  ])
})

test('a paused branch is shown as paused', () => {
  const spec = { type: 'branch', base: 'zoo', paused: true }
  const [view] = environmentViews([object('Environment', 'alice', spec, ready)], [], new Map())
  expect(view).toMatchObject({ ready: true, isPaused: true })
  expect(environmentTable(view === undefined ? [] : [view])).toMatch(/^alice +zoo +- +paused /m)
})

test('a preview without a URL is not ready, even if its condition is True', () => {
  const views = environmentViews(
    [object('Environment', 'alice', { type: 'shared' })],
    [object('Preview', 'web', {}, ready)],
    new Map(),
  )
  const message = 'the relay has not given it a URL yet'
  expect(views[0]?.previews[0]).toEqual({ environment: 'alice', name: 'web', ready: false, message })
})

test.each([
  ['branchline/sidecar:0.1.0', 'sidecar/main.ts'],
  ['registry.example:5000/x/branchline/relay@sha256:00', 'relay/main.ts'],
  ['branchline/sidecar', 'sidecar/main.ts'],
  ['notbranchline/sidecar:1', undefined],
  ['branchline/shop:1', undefined],
])('image %s runs %s', (image, main) => {
  expect(platformImage(image)?.command.at(-1)?.split('/').slice(-2).join('/')).toBe(main)
})

test('each run has a different relay token', () => {
  const secretOf = (): unknown =>
    platformObjects({ domain: 'localhost', port: 1, index: '/i', state: '/run/relay' }).find(
      ({ kind }) => kind === 'Secret',
    )?.['stringData']
  expect(secretOf()).not.toEqual(secretOf())
})
