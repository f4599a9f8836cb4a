import type { RegisteredPreview } from '@branchline/wire/tunnel/control'
import { expect, test } from 'vitest'
import { type Change, Registry, type RegistryLimits } from './registry.ts'

const preview = (label: string, fields: Partial<RegisteredPreview> = {}): RegisteredPreview => ({
  label,
  environment: 'alice',
  key: 'alice',
  service: 'web',
  port: 80,
  access: 'public',
  ...fields,
})
const all = (...labels: string[]): Change => ({
  upsert: labels.map((label) => preview(label)),
  remove: [],
  more: false,
})
const part = (...labels: string[]): Change => ({ ...all(...labels), more: true })
const without = (...remove: string[]): Change => ({ upsert: [], remove, more: false })
const as = (cluster: string, instance?: string, credential = 'token', link = 0) => ({
  credential,
  cluster,
  instance,
  link,
})
const url = (label: string) => ({ label, url: `http://${label}.localhost` })

function made(limits: Partial<RegistryLimits> = {}): Registry<string> {
  const defaults = { labels: 10, credentialLabels: 20, clusters: 5, clusterLinks: 3, goneMs: 1000 }
  return new Registry({ limits: { ...defaults, ...limits }, urlOf: (label) => url(label).url })
}

test('a label belongs to the first cluster, and the next one is refused until the label is free', () => {
  const registry = made()
  expect(registry.register('link1', as('one'), all('web'), 0).results.get('link1')).toEqual([url('web')])
  const second = registry.register('link2', as('two'), all('web'), 0)
  expect(second.results.get('link2')?.[0]?.refusal).toMatch(/taken by cluster one/)
  expect(registry.find('web')).toMatchObject({ state: 'live', cluster: 'one', links: ['link1'] })
  expect(registry.update('link1', without('web'), 0)).toEqual(new Map([['link2', [url('web')]]]))
  expect(registry.find('web')).toMatchObject({ state: 'live', cluster: 'two', links: ['link2'] })
})

test('a disconnected cluster keeps its labels for a while, and has them again when it returns', () => {
  const registry = made()
  registry.register('link1', as('one'), all('web'), 0)
  registry.register('link2', as('two'), all('web'), 0)
  registry.disconnect('link1', 0)
  expect(registry.find('web')).toEqual({ state: 'gone', cluster: 'one', sinceMs: 0 })
  expect(registry.expire(999)).toEqual(new Map())
  registry.register('link3', as('one'), all('web'), 999)
  expect(registry.find('web')).toMatchObject({ state: 'live', links: ['link3'] })
  registry.disconnect('link3', 1000)
  expect(registry.expire(2000).get('link2')).toEqual([url('web')])
  registry.disconnect('link2', 3000)
  registry.expire(4000)
  expect(registry.find('web')).toEqual({ state: 'unknown' })
  expect(registry.labels).toBe(0)
  expect(registry.owners()).toEqual([])
})

test('a new connection of the same instance replaces the old one, whose end changes nothing', () => {
  const registry = made()
  registry.register('link1', as('one'), all('web', 'old'), 0)
  expect(registry.register('link2', as('one'), all('web'), 0).replaced).toBe('link1')
  expect(registry.has('link1')).toBe(false)
  registry.disconnect('link1', 0)
  registry.update('link1', all('late'), 0)
  expect(registry.find('web')).toMatchObject({ state: 'live', links: ['link2'] })
  expect(registry.find('old')).toEqual({ state: 'unknown' })
  expect(registry.find('late')).toEqual({ state: 'unknown' })
})

test('a further connection of an instance replaces none, but one with the same number does', () => {
  const registry = made()
  registry.register('link1', as('one', 'a'), all('web'), 0)
  const further = as('one', 'a', 'token', 1)
  expect(registry.register('link2', further, all('web'), 0).replaced).toBeUndefined()
  registry.register('link3', as('one', 'b'), all('web'), 0)
  expect(registry.others('link1')).toEqual(['link3'])
  expect(registry.others('link3')).toEqual(['link1', 'link2'])
  expect(registry.register('link4', further, all('web'), 0).replaced).toBe('link2')
  expect(registry.find('web')).toMatchObject({ state: 'live', links: ['link1', 'link3', 'link4'] })
  registry.disconnect('link1', 0)
  expect(registry.find('web')).toMatchObject({ state: 'live', links: ['link3', 'link4'] })
})

test('instances of one cluster serve the same labels, each for as long as it is connected', () => {
  const registry = made()
  registry.register('link1', as('one', 'a'), all('web'), 0)
  expect(registry.register('link2', as('one', 'b'), all('web', 'new'), 0).replaced).toBeUndefined()
  expect(registry.find('web')).toMatchObject({ links: ['link1', 'link2'] })
  expect(registry.find('new')).toMatchObject({ links: ['link2'] })
  registry.drain('link1', 0)
  expect(registry.find('web')).toMatchObject({ links: ['link2'] })
  registry.disconnect('link1', 0)
  expect(registry.find('web')).toMatchObject({ state: 'live', links: ['link2'] })
  registry.disconnect('link2', 0)
  expect(registry.find('web')).toEqual({ state: 'gone', cluster: 'one', sinceMs: 0 })
  expect(registry.clusters).toBe(0)
})

test('a label is free once no instance lists it, however different their lists are', () => {
  const registry = made()
  registry.register('link1', as('one', 'a'), all('web'), 0)
  registry.register('link2', as('one', 'b'), all('web'), 0)
  registry.register('link3', as('two'), all('web'), 0)
  expect(registry.update('link1', without('web'), 0)).toEqual(new Map())
  expect(registry.find('web')).toMatchObject({ cluster: 'one', links: ['link2'] })
  expect(registry.update('link2', without('web'), 0).get('link3')).toEqual([url('web')])
})

test('while instances differ, the newest preview applies, but with the stricter access', () => {
  const registry = made()
  const says = (fields: Partial<RegisteredPreview>): Change => ({
    ...all(),
    upsert: [preview('web', fields)],
  })
  registry.register('link1', as('one', 'a'), says({ port: 80 }), 0)
  registry.register('link2', as('one', 'b'), says({ port: 80 }), 0)
  registry.update('link1', says({ port: 81, access: 'organization' }), 0)
  expect(registry.find('web')).toMatchObject({ preview: { port: 81, access: 'organization' } })
  registry.update('link2', says({ port: 81 }), 0)
  expect(registry.find('web')).toMatchObject({ preview: { port: 81, access: 'organization' } })
  registry.update('link1', says({ port: 81 }), 0)
  expect(registry.find('web')).toMatchObject({ preview: { port: 81, access: 'public' } })
})

/**
 * Attack: a tenant waits for another tenant's labels. A registration of many previews comes in pages. If the first page
 * counted as complete, the labels of the later pages would go to the next tenant at each reconnect.
 */
test('a registration in pages gives up no label before its last page', () => {
  const registry = made()
  registry.register('link1', as('y'), all('a', 'b', 'old'), 0)
  registry.register('link2', as('x'), all('b', 'old'), 0)
  registry.disconnect('link1', 0)
  const first = registry.register('link3', as('y'), part('a'), 0)
  expect(first.results.has('link2')).toBe(false)
  expect(registry.find('b')).toEqual({ state: 'gone', cluster: 'y', sinceMs: 0 })
  const last = registry.update('link3', all('b'), 0)
  expect(last.get('link3')).toEqual([url('b')])
  expect(last.get('link2')).toEqual([url('old')])
  expect(registry.find('b')).toMatchObject({ state: 'live', cluster: 'y' })
})

/** Attack: another credential registers with the name of a cluster, to take over its labels and its connection. */
test('a cluster is identified by its credential and its name', () => {
  const registry = made()
  registry.register('link1', as('dev', undefined, 'token:a'), all('web'), 0)
  const { replaced, results } = registry.register('link2', as('dev', undefined, 'token:b'), all('web'), 0)
  expect(replaced).toBeUndefined()
  expect(results.get('link2')?.[0]?.refusal).toMatch(/taken by another cluster named dev/)
  expect(registry.find('web')).toMatchObject({ links: ['link1'] })
})

/** Attack: after a restart, the first tenant that connects registers the labels of all others. */
test('restored owners get their labels back when they return, and no other cluster does', () => {
  const before = made()
  before.register('link1', as('y'), all('web', 'api'), 0)
  before.register('link2', as('x'), all('web', 'x'), 0)
  const owners = before.owners()
  expect(owners).toEqual([
    { credential: 'token', cluster: 'y', labels: ['web', 'api'] },
    { credential: 'token', cluster: 'x', labels: ['x'] },
  ])
  const registry = made()
  registry.restore(owners, 0)
  expect(registry.find('web')).toEqual({ state: 'gone', cluster: 'y', sinceMs: undefined })
  expect(registry.awaited).toBe(2)
  const taken = registry.register('link3', as('x'), all('web', 'x'), 1).results.get('link3')
  expect(taken?.map(({ refusal }) => refusal !== undefined)).toEqual([true, false])
  registry.register('link4', as('y'), part('web'), 2)
  expect(registry.awaited).toBe(1)
  expect(registry.update('link4', all(), 3).get('link4')).toBeUndefined()
  expect(registry.awaited).toBe(0)
  expect(registry.find('web')).toMatchObject({ state: 'live', cluster: 'y' })
  // It did not register this label again.
  expect(registry.find('api')).toEqual({ state: 'unknown' })
})

test('restored owners that do not return lose their labels after the usual time', () => {
  const registry = made()
  registry.restore([{ credential: 'token', cluster: 'y', labels: ['web'] }], 0)
  registry.register('link1', as('x'), all('web'), 0)
  expect(registry.expire(999)).toEqual(new Map())
  expect(registry.expire(1000).get('link1')).toEqual([url('web')])
  expect(registry.awaited).toBe(0)
})

test('the labels of a cluster, and of all clusters of a credential, are limited', () => {
  const registry = made({ labels: 2, credentialLabels: 3 })
  const refusals = (link: string, cluster: string, credential?: string) =>
    registry
      .register(
        link,
        as(cluster, undefined, credential),
        all(...['a', 'b', 'c'].map((it) => `${it}${link}`)),
        0,
      )
      .results.get(link)
      ?.map(({ refusal }) => refusal?.split(':')[0])
  expect(refusals('1', 'one')).toEqual([undefined, undefined, 'the cluster already has 2 previews here'])
  const ofAll = 'all clusters of this credential have 3 previews here'
  expect(refusals('2', 'two')).toEqual([undefined, ofAll, ofAll])
  expect(refusals('3', 'two', 'other')?.[0]).toBeUndefined()
  expect(registry.find('c1')).toEqual({ state: 'unknown' })
  registry.update('1', without('a1'), 0)
  expect(registry.update('2', all('b2'), 0).get('2')).toEqual([url('b2')])
})

test('the clusters of a credential are limited, and only a disconnected one makes room', () => {
  const registry = made({ clusters: 2 })
  registry.register('link1', as('one'), all('web'), 0)
  registry.register('link2', as('two'), all('api'), 0)
  expect(() => registry.register('link3', as('three'), all('web'), 0)).toThrow(
    expect.objectContaining({ reason: 'full' }) as Error,
  )
  registry.register('link4', as('three', undefined, 'other'), all(), 0)
  registry.disconnect('link1', 1)
  const { results } = registry.register('link5', as('three'), all('web'), 2)
  expect(results.get('link5')).toEqual([url('web')])
})

test('the connections of a cluster are limited, and each may list the same label', () => {
  const registry = made({ clusterLinks: 2 })
  registry.register('link1', as('one', 'a'), all('web'), 0)
  registry.register('link2', as('one', 'b'), all('web'), 0)
  expect(() => registry.register('link3', as('one', 'c'), all('web'), 0)).toThrow(
    expect.objectContaining({ reason: 'full' }) as Error,
  )
  expect(registry.register('link3', as('one', 'a'), all('web'), 0).replaced).toBe('link1')
})
