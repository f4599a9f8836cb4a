import { expect, test } from 'vitest'
import { statusOf, type StatusFacts, targetHealth } from './status.ts'

const facts = (more: Partial<StatusFacts>): StatusFacts => ({
  targets: [
    { id: 'a', draining: false },
    { id: 'b', draining: false },
  ],
  eligible: ['w1'],
  reports: [],
  group: 'default',
  served: false,
  ...more,
})
const report = (worker: string, targets: StatusFacts['reports'][number]['targets'] = {}) => ({
  worker,
  version: 1,
  targets,
})

test('a worker that never acknowledges leaves the circuit PENDING with that reason', () => {
  const { status, reason } = statusOf(facts({}))
  expect(status).toBe('PENDING')
  expect(reason).toMatch(/No worker has acknowledged the circuit yet.*w1/)
})

test('without a worker that can serve it, a new circuit is PENDING and an old one UNHEALTHY', () => {
  const reason = 'No connected worker of the group default can serve the circuit.'
  expect(statusOf(facts({ eligible: [] }))).toEqual({ status: 'PENDING', reason })
  expect(statusOf(facts({ eligible: [], served: true }))).toEqual({ status: 'UNHEALTHY', reason })
})

test('a target without a health check counts as healthy', () => {
  expect(statusOf(facts({ reports: [report('w1')] }))).toEqual({ status: 'HEALTHY', reason: undefined })
})

test('one bad target of two is a reason, all of them make the circuit UNHEALTHY', () => {
  const bad = { status: 'UNHEALTHY', reason: 'connection refused' } as const
  expect(statusOf(facts({ reports: [report('w1', { a: bad })] }))).toEqual({
    status: 'HEALTHY',
    reason: '1 of 2 targets is unhealthy. a: connection refused',
  })
  expect(statusOf(facts({ reports: [report('w1', { a: bad, b: bad })] }))).toMatchObject({
    status: 'UNHEALTHY',
    reason: 'No target is healthy. a: connection refused',
  })
})

test('a target is healthy if one worker reaches it', () => {
  const reports = [report('w1', { a: { status: 'UNHEALTHY' } }), report('w2', { a: { status: 'HEALTHY' } })]
  expect(targetHealth(reports, 'a')).toEqual({ status: 'HEALTHY' })
  expect(targetHealth(reports, 'b')).toEqual({ status: 'UNKNOWN' })
})

test('a worker that cannot serve the circuit says why', () => {
  const fault = { ...report('w1'), fault: 'port 30001 is in use by another program' }
  expect(statusOf(facts({ reports: [fault] }))).toEqual({
    status: 'PENDING',
    reason: 'Worker w1: port 30001 is in use by another program',
  })
  expect(statusOf(facts({ reports: [fault, report('w2')] })).status).toBe('HEALTHY')
})

test('a circuit without targets is UNHEALTHY', () => {
  expect(statusOf(facts({ targets: [], reports: [report('w1')] }))).toMatchObject({ status: 'UNHEALTHY' })
})
