import { customResourceDefinitions } from '@branchline/wire/resources/crd'
import { expect, test } from 'vitest'
import type { EnvironmentPlan } from '../plan/plan.ts'
import { environmentStatus, overridesSummary } from './status.ts'

test('overrides become one short text, which counts those that do not fit', () => {
  expect(overridesSummary([])).toBe('<none>')
  expect(overridesSummary(['api'])).toBe('api')
  expect(overridesSummary(['api', 'cart', 'web'])).toBe('api,cart,web')
  const twelve = Array.from({ length: 12 }, (_, index) => `service-${index}`)
  expect(overridesSummary(twelve)).toBe('service-0,service-1,service-2,service-3 + 8 more')
  expect(overridesSummary(['a'.repeat(63), 'b'])).toBe(`${'a'.repeat(63)} + 1 more`)
})

interface Column {
  readonly name: string
  readonly jsonPath: string
}

/** What kubectl shows in a column: the first match of its JSONPath. */
function cell(object: unknown, path: string): unknown {
  const steps = path.match(/\.\w+|\[\*\]|\[\?\(@\.type=="\w+"\)\]/g) ?? []
  expect(steps.join('')).toBe(path)
  let found: unknown = object
  for (const step of steps) {
    const type = /"(\w+)"/.exec(step)?.[1]
    if (step === '[*]') found = (found as unknown[])[0]
    else if (type === undefined) found = (found as Record<string, unknown> | undefined)?.[step.slice(1)]
    else found = (found as { type: string }[]).find((condition) => condition.type === type)
  }
  return found
}

test('every column of `kubectl get env -o wide` is one word or a short text of the status, never a list', () => {
  const verdict = { ready: true, reason: 'Routed', message: 'overrides api, web', generation: 1 }
  const plan: EnvironmentPlan = {
    verdict,
    key: 'alice',
    overrides: ['api', 'web'],
    warnings: [{ reason: 'NotTcp', message: 'Service "dns" has 53/UDP: …' }],
    expiry: { endsAtMs: Date.parse('2026-11-24T10:00:00Z'), expired: false, heldBy: undefined },
  }
  const facts = {
    sidecars: { total: 3, connected: 3, acknowledged: 2, epoch: 41 },
    previews: [{ name: 'web', ready: true, url: 'http://web--alice.localhost' }],
    deletes: true,
    unreached: [],
  }
  const object = {
    metadata: { creationTimestamp: '2026-11-21T10:00:00Z' },
    spec: { type: 'branch', base: 'baseline' },
    status: environmentStatus(plan, facts, [], 0),
  }
  const crds = customResourceDefinitions().filter(({ metadata }) => metadata.name.startsWith('environments'))
  const columns = crds.flatMap(({ spec }) =>
    (spec['versions'] as { additionalPrinterColumns: Column[] }[]).flatMap(
      (version) => version.additionalPrinterColumns,
    ),
  )
  expect(Object.fromEntries(columns.map(({ name, jsonPath }) => [name, cell(object, jsonPath)]))).toEqual({
    Type: 'branch',
    Base: 'baseline',
    Overrides: 'api,web',
    Ready: 'True',
    Reason: 'Routed',
    Routes: '2/3 at epoch 41',
    URL: 'http://web--alice.localhost',
    Age: '2026-11-21T10:00:00Z',
    Key: 'alice',
    Sidecars: '3/3',
    Expires: '2026-11-24T10:00:00Z',
    Warnings: 'NotTcp',
  })

  // The column `Reason` names a condition that users should read, although the environment is ready.
  const unreached = environmentStatus(plan, { ...facts, unreached: ['pricing was not reached'] }, [], 0)
  expect(unreached.conditions?.map(({ type, status, reason }) => [type, status, reason])).toEqual([
    ['Ready', 'True', 'OverrideUnreached'],
    ['OverrideUnreached', 'True', 'KeyLost'],
    ['Warnings', 'True', 'NotTcp'],
    ['Expired', 'False', 'TimeToLive'],
  ])
  const reached = environmentStatus(plan, facts, unreached.conditions ?? [], 0)
  expect(reached.conditions?.slice(0, 2).map(({ type, status, reason }) => [type, status, reason])).toEqual([
    ['Ready', 'True', 'Routed'],
    ['OverrideUnreached', 'False', 'Reached'],
  ])
})
