import type { Hop } from '@branchline/wire/explain'
import { expect, test } from 'vitest'
import { explainText } from './route-explain.ts'

const hop = (service: string, startMs: number, ms: number, more: Partial<Hop> = {}): Hop => ({
  service,
  at: 'baseline',
  environment: 'baseline',
  reason: 'own',
  endpoints: [`${service}:80`],
  status: 200,
  startMs,
  ms,
  ...more,
})

test('hops are a tree by who ran within whom', () => {
  const hops = [
    hop('web', 0, 20, { key: 'alice', source: 'tracestate' }),
    hop('api', 2, 10, { environment: 'alice', reason: 'override', endpoints: ['dead:1', 'api:1'] }),
    hop('api', 3, 8, { at: 'alice', environment: 'alice', reason: 'routed' }),
    hop('worker', 13, 5, { status: 0, endpoints: [] }),
  ]
  expect(explainText({ status: 200, traceId: 'abc', hops })).toBe(
    [
      '200  trace abc',
      'web (baseline)  own, key alice from tracestate  web:80  200  20.0 ms',
      '├─ api (baseline → alice)  override  api:1 after dead:1  200  10.0 ms',
      '│  └─ api (alice)  routed  api:80  200  8.0 ms',
      '└─ worker (baseline)  own  nowhere  no answer  5.0 ms',
      '',
    ].join('\n'),
  )
})
