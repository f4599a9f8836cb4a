import type { RegisteredPreview } from '@branchline/wire/tunnel/control'
import { expect, test } from 'vitest'
import { type Change, type Listing, Registry, type RegistryLimits } from './registry.ts'

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

/** A registry, the owners of labels, and what it has reported. */
class Made extends Registry<string> {
  readonly owners: Map<string, string>
  readonly listed: Listing[]
  readonly unlisted: string[]

  constructor(limits: Partial<RegistryLimits> = {}) {
    const defaults = { labels: 10, credentialLabels: 20, clusters: 5, clusterLinks: 3, goneMs: 1000 }
    const owners = new Map<string, string>()
    const listed: Listing[] = []
    const unlisted: string[] = []
    super({
      limits: { ...defaults, ...limits },
      urlOf: (label) => url(label).url,
      ownerOf: (label) => owners.get(label),
      onListing: (listing) => void listed.push(listing),
      onUnlisted: ({ cluster }) => void unlisted.push(cluster),
    })
    this.owners = owners
    this.listed = listed
    this.unlisted = unlisted
  }

  /** The coordinator gives labels to a cluster, or to none. */
  give(cluster: string | undefined, ...labels: string[]) {
    for (const label of labels)
      if (cluster === undefined) this.owners.delete(label)
      else this.owners.set(label, `token ${cluster}`)
    return this.owned(labels)
  }

  /** A registry in which a cluster owns these labels. */
  static with(cluster: string, ...labels: string[]): Made {
    const registry = new Made()
    registry.give(cluster, ...labels)
    return registry
  }
}

test('a label is served once it belongs to the cluster, and each connection that lists it learns so once', () => {
  const registry = new Made()
  expect(registry.register('link1', as('one', 'a'), all('web'), 0).results).toEqual([])
  registry.register('link2', as('one', 'b'), all('web'), 0)
  expect(registry.isPending('link1')).toBe(true)
  expect(registry.find('web')).toEqual({ state: 'unknown' })
  expect(registry.give('one', 'web')).toEqual(
    new Map([
      ['link1', [url('web')]],
      ['link2', [url('web')]],
    ]),
  )
  expect(registry.isPending('link1')).toBe(false)
  expect(registry.find('web')).toMatchObject({ state: 'live', cluster: 'one', links: ['link1', 'link2'] })
  expect(registry.give('one', 'web')).toEqual(new Map())
  expect(registry.register('link3', as('one', 'c'), all('web'), 0).results).toEqual([url('web')])
})

test('a refusal reaches the connections that list the label, also later ones, until the label is theirs', () => {
  const registry = Made.with('one', 'web')
  registry.register('link1', as('one'), all('web'), 0)
  registry.register('link2', as('two', 'a'), all('web'), 0)
  const refused = [{ label: 'web', refusal: 'taken by cluster one' }]
  expect(registry.decide('token two', [['web', 'taken by cluster one']])).toEqual(
    new Map([['link2', refused]]),
  )
  expect(registry.register('link3', as('two', 'b'), all('web'), 0).results).toEqual(refused)
  expect(registry.find('web')).toMatchObject({ cluster: 'one', links: ['link1'] })
  expect([...registry.give('two', 'web').keys()]).toEqual(['link2', 'link3'])
  expect(registry.find('web')).toMatchObject({ cluster: 'two', links: ['link2', 'link3'] })
})

test('a disconnected cluster is gone, and live again when it returns', () => {
  const registry = Made.with('one', 'web')
  expect(registry.find('web')).toEqual({ state: 'gone', cluster: 'one', sinceMs: undefined })
  registry.register('link1', as('one'), all('web'), 0)
  registry.disconnect('link1', 5)
  expect(registry.unlisted).toEqual(['one'])
  expect(registry.find('web')).toEqual({ state: 'gone', cluster: 'one', sinceMs: 5 })
  registry.register('link2', as('one'), all('web'), 999)
  registry.expire(5_000)
  expect(registry.find('web')).toMatchObject({ state: 'live', links: ['link2'] })
  registry.disconnect('link2', 5_000)
  registry.expire(6_000)
  expect(registry.find('web')).toEqual({ state: 'gone', cluster: 'one', sinceMs: undefined })
  registry.give(undefined, 'web')
  expect(registry.find('web')).toEqual({ state: 'unknown' })
})

test('a new connection of the same instance replaces the old one, whose end changes nothing', () => {
  const registry = Made.with('one', 'web', 'old', 'late')
  registry.register('link1', as('one'), all('web', 'old'), 0)
  expect(registry.register('link2', as('one'), all('web'), 0).replaced).toBe('link1')
  expect(registry.has('link1')).toBe(false)
  registry.disconnect('link1', 0)
  registry.update('link1', all('late'), 0)
  expect(registry.find('web')).toMatchObject({ state: 'live', links: ['link2'] })
  expect(registry.find('old')).toEqual({ state: 'unknown' })
  expect(registry.find('late')).toEqual({ state: 'unknown' })
  expect(registry.unlisted).toEqual([])
  expect(registry.listed.at(-1)).toMatchObject({ remove: ['old'], settled: true })
})

test('a further connection of an instance replaces none, but one with the same number does', () => {
  const registry = Made.with('one', 'web')
  registry.register('link1', as('one', 'a'), all('web'), 0)
  const further = as('one', 'a', 'token', 1)
  expect(registry.register('link2', further, all('web'), 0).replaced).toBeUndefined()
  registry.register('link3', as('one', 'b'), all('web'), 0)
  expect(registry.others('link1')).toEqual(['link3'])
  expect(registry.others('link3')).toEqual(['link1', 'link2'])
  expect(registry.register('link4', further, all('web'), 0).replaced).toBe('link2')
  expect(registry.find('web')).toMatchObject({ state: 'live', links: ['link1', 'link4', 'link3'] })
  registry.disconnect('link1', 0)
  expect(registry.find('web')).toMatchObject({ state: 'live', links: ['link4', 'link3'] })
})

test('instances of one cluster serve the same labels, each for as long as it is connected', () => {
  const registry = Made.with('one', 'web', 'new')
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

test('a label is given up once no instance lists it, however different their lists are', () => {
  const registry = Made.with('one', 'web')
  registry.register('link1', as('one', 'a'), all('web'), 0)
  registry.register('link2', as('one', 'b'), all('web'), 0)
  registry.update('link1', without('web'), 0)
  expect(registry.listed.at(-1)).toMatchObject({ remove: [] })
  expect(registry.find('web')).toMatchObject({ cluster: 'one', links: ['link2'] })
  registry.update('link2', without('web'), 0)
  expect(registry.listed.at(-1)).toMatchObject({ remove: ['web'], settled: true })
  expect(registry.find('web')).toEqual({ state: 'unknown' })
})

test('a label that only a lost connection listed is not given up at once', () => {
  const registry = Made.with('one', 'web', 'new')
  registry.register('link1', as('one', 'a'), all('web'), 0)
  registry.register('link2', as('one', 'b'), all('web', 'new'), 0)
  registry.disconnect('link2', 5)
  expect(registry.find('new')).toEqual({ state: 'gone', cluster: 'one', sinceMs: 5 })
  expect(registry.listed.flatMap(({ remove }) => remove)).toEqual([])
  expect([...registry.listings()].flatMap(({ upsert }) => upsert.map(({ label }) => label))).toEqual([
    'web',
    'new',
  ])
})

test('while instances differ, the newest preview applies, but with the stricter access', () => {
  const registry = Made.with('one', 'web')
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
  expect(registry.listed.map(({ upsert }) => upsert[0]?.access)).toEqual([
    'public',
    'public',
    'organization',
    'organization',
    'public',
  ])
})

/**
 * Attack: a tenant waits for another tenant's labels. A registration of many previews comes in pages. If the first page
 * counted as complete, the labels of the later pages would go to the next tenant at each reconnect.
 */
test('a registration in pages gives up no label before its last page', () => {
  const registry = Made.with('y', 'a', 'b')
  registry.register('link1', as('y'), part('a'), 0)
  expect(registry.listed.at(-1)).toMatchObject({ more: true, settled: false })
  expect(registry.find('b')).toMatchObject({ state: 'gone', cluster: 'y' })
  registry.update('link1', all('b'), 0)
  expect(registry.listed.at(-1)).toMatchObject({ more: false, settled: true, remove: [] })
  expect(registry.find('b')).toMatchObject({ state: 'live', cluster: 'y' })
})

/** Attack: another credential registers with the name of a cluster, to take over its labels and its connection. */
test('a cluster is identified by its credential and its name', () => {
  const registry = new Made()
  registry.owners.set('web', 'token:a dev')
  registry.register('link1', as('dev', undefined, 'token:a'), all('web'), 0)
  const { replaced, results } = registry.register('link2', as('dev', undefined, 'token:b'), all('web'), 0)
  expect(replaced).toBeUndefined()
  expect(results).toEqual([])
  expect(registry.find('web')).toMatchObject({ links: ['link1'] })
})

test('the labels of a cluster, and of all clusters of a credential, are limited', () => {
  const registry = new Made({ labels: 2, credentialLabels: 3 })
  const refusals = (link: string, cluster: string, credential?: string) =>
    registry
      .register(
        link,
        as(cluster, undefined, credential),
        all(...['a', 'b', 'c'].map((it) => `${it}${link}`)),
        0,
      )
      .results.map(({ refusal }) => refusal?.split(':')[0])
  expect(refusals('1', 'one')).toEqual(['the cluster already has 2 previews here'])
  const ofAll = 'all clusters of this credential have 3 previews here'
  expect(refusals('2', 'two')).toEqual([ofAll, ofAll])
  expect(refusals('3', 'two', 'other')).toHaveLength(1)
  registry.update('1', without('a1'), 0)
  expect(registry.update('2', all('b2'), 0)).toEqual([])
})

test('the clusters of a credential are limited, and only a disconnected one makes room', () => {
  const registry = new Made({ clusters: 2 })
  registry.register('link1', as('one'), all('web'), 0)
  registry.register('link2', as('two'), all('api'), 0)
  expect(() => registry.register('link3', as('three'), all('web'), 0)).toThrow(
    expect.objectContaining({ reason: 'full' }) as Error,
  )
  registry.register('link4', as('three', undefined, 'other'), all(), 0)
  registry.disconnect('link1', 1)
  expect(registry.register('link5', as('three'), all('web'), 2).replaced).toBeUndefined()
})

test('the connections of a cluster are limited, and each may list the same label', () => {
  const registry = new Made({ clusterLinks: 2 })
  registry.register('link1', as('one', 'a'), all('web'), 0)
  registry.register('link2', as('one', 'b'), all('web'), 0)
  expect(() => registry.register('link3', as('one', 'c'), all('web'), 0)).toThrow(
    expect.objectContaining({ reason: 'full' }) as Error,
  )
  expect(registry.register('link3', as('one', 'a'), all('web'), 0).replaced).toBe('link1')
})
