import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Workload } from '../kubernetes.ts'
import { planDeployment, planStatefulSet, type Replica, templateHash } from './replicas.ts'

const workload = (replicas: number, image: string, kind: Workload['kind'] = 'Deployment'): Workload => ({
  kind,
  metadata: { name: 'api', namespace: 'shop' },
  spec: { replicas, selector: {}, template: { spec: { containers: [{ name: 'api', image }] } } },
})

test('an update never has fewer ready pods than wanted, and completes', () => {
  const steps = fc.array(fc.nat(100), { minLength: 400, maxLength: 400 })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 8 }),
      steps,
      (before, after, order) => {
        const wanted = workload(after, 'new')
        const hash = templateHash(wanted.spec.template)
        let count = 0
        let pods: Replica[] = Array.from({ length: before }, () => ({
          name: `old${count++}`,
          hash: 'old',
          ready: true,
        }))
        for (const pick of order) {
          const plan = planDeployment(wanted, pods, () => `new${count++}`)
          pods = pods.filter(({ name }) => !plan.remove.includes(name))
          pods.push(...plan.create.map((name) => ({ name, hash, ready: false })))
          expect(pods.filter(({ ready }) => ready).length).toBeGreaterThanOrEqual(Math.min(before, after))
          expect(pods.length).toBeLessThanOrEqual(Math.max(before, after + Math.ceil(after / 4)))
          const waiting = pods.filter(({ ready }) => !ready)
          const chosen = waiting[pick % Math.max(1, waiting.length)]
          pods = pods.map((pod) => (pod === chosen ? { name: pod.name, hash, ready: true } : pod))
        }
        expect(pods.map((pod) => pod.hash)).toEqual(Array.from({ length: after }, () => hash))
      },
    ),
    { numRuns: 50 },
  )
})

test('Recreate removes before it creates', () => {
  const wanted: Workload = { ...workload(1, 'new') }
  const recreate = { ...wanted, spec: { ...wanted.spec, strategy: { type: 'Recreate' as const } } }
  const old = [{ name: 'old', hash: 'old', ready: true }]
  expect(planDeployment(recreate, old, () => 'new')).toEqual({ create: [], remove: ['old'] })
  expect(planDeployment(recreate, [], () => 'new')).toEqual({ create: ['new'], remove: [] })
})

test('a StatefulSet starts in order, and replaces the last pod first, under the same name', () => {
  const set = workload(2, 'new', 'StatefulSet')
  const hash = templateHash(set.spec.template)
  const none = new Set<string>()
  expect(planStatefulSet(set, [], none).create).toEqual(['api-0'])
  expect(planStatefulSet(set, [{ name: 'api-0', hash, ready: false }], none).create).toEqual([])
  expect(planStatefulSet(set, [{ name: 'api-0', hash, ready: true }], none).create).toEqual(['api-1'])
  const old = ['api-0', 'api-1'].map((name) => ({ name, hash: 'old', ready: true }))
  expect(planStatefulSet(set, old, none).remove).toEqual(['api-1'])
  const leaving = new Set(['api-1'])
  expect(planStatefulSet(set, old.slice(0, 1), leaving)).toEqual({ create: [], remove: [] })
})
