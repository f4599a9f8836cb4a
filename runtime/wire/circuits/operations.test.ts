import { expect, test } from 'vitest'
import { OPERATIONS } from './operations.ts'
import type { Operation } from './operations/operation.ts'

const operations: [string, Operation][] = Object.entries(OPERATIONS)

test('no two operations have the same method and path', () => {
  const routes = operations.map(([, { method, path }]) => `${method} ${path}`)
  expect(new Set(routes).size).toBe(routes.length)
})

test.each(operations)('%s names its parameters in its path', (_id, { path, params }) => {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string)
  expect(Object.keys(params?.shape ?? {}).sort()).toEqual(named.sort())
})

test('only operations that change something have a body', () => {
  const methods = operations.flatMap(([, { method, body }]) => (body === undefined ? [] : method))
  expect(new Set(methods)).toEqual(new Set(['POST', 'PUT', 'PATCH']))
})

test('only health, descriptions and the join of a worker need no API key', () => {
  const open = operations.filter(([, { needs }]) => needs === 'none' || needs === 'join-token')
  expect(open.map(([id]) => id).sort()).toEqual([
    'getDescription',
    'getLive',
    'getOpenApi',
    'getReady',
    'registerWorker',
  ])
})
