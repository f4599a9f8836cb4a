import { expect, test } from 'vitest'
import type { RegisteredPreview } from '@branchline/wire/tunnel/control'
import { Registry } from './registry.ts'

const preview = (label: string): RegisteredPreview => ({
  label,
  environment: 'alice',
  key: 'alice',
  service: 'web',
  port: 80,
  access: 'public',
})
const made = (labels = 10): Registry<string> =>
  new Registry({ labels, goneMs: 1000, urlOf: (label) => `http://${label}.localhost` })

test('a label is the first cluster’s, the next one hears why, and gets it once it is free', () => {
  const registry = made()
  const first = registry.register('one', 'link1', [preview('web')])
  expect(first.answers.get('one')).toEqual([{ label: 'web', url: 'http://web.localhost' }])
  const second = registry.register('two', 'link2', [preview('web')])
  expect(second.answers.get('two')?.[0]?.refusal).toMatch(/taken by cluster one/)
  expect(registry.find('web')).toMatchObject({ state: 'live', cluster: 'one', link: 'link1' })
  const freed = registry.update('one', [], ['web'])
  expect(freed.get('two')).toEqual([{ label: 'web', url: 'http://web.localhost' }])
  expect(registry.find('web')).toMatchObject({ state: 'live', cluster: 'two' })
})

test('a cluster that has gone keeps its labels for a while, and has them again when it returns', () => {
  const registry = made()
  registry.register('one', 'link1', [preview('web')])
  registry.register('two', 'link2', [preview('web')])
  registry.disconnect('one', 'link1', 0)
  expect(registry.find('web')).toMatchObject({ state: 'gone', cluster: 'one' })
  expect(registry.expire(999)).toEqual(new Map())
  registry.register('one', 'link3', [preview('web')])
  expect(registry.find('web')).toMatchObject({ state: 'live', link: 'link3' })
  registry.disconnect('one', 'link3', 1000)
  expect(registry.expire(2000).get('two')).toEqual([{ label: 'web', url: 'http://web.localhost' }])
  registry.disconnect('two', 'link2', 3000)
  registry.expire(4000)
  expect(registry.find('web')).toEqual({ state: 'unknown' })
  expect(registry.labels).toBe(0)
})

test('a new connection of a cluster replaces the old one, whose end changes nothing', () => {
  const registry = made()
  registry.register('one', 'link1', [preview('web'), preview('old')])
  const { replaced } = registry.register('one', 'link2', [preview('web')])
  expect(replaced).toBe('link1')
  registry.disconnect('one', 'link1', 0)
  expect(registry.find('web')).toMatchObject({ state: 'live', link: 'link2' })
  expect(registry.find('old')).toEqual({ state: 'unknown' })
})

test('a cluster has so many labels and no more', () => {
  const registry = made(2)
  const { answers } = registry.register('one', 'link1', ['a', 'b', 'c'].map(preview))
  expect(answers.get('one')?.map(({ refusal }) => refusal === undefined)).toEqual([true, true, false])
  expect(registry.find('c')).toEqual({ state: 'unknown' })
})
