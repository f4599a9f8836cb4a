/**
 * Attack: a sidecar with a valid token floods the manager with hops, evicts the traces of others, or reports hops of
 * another pod. Fix: each pod has a share, and a report is accepted only if it is about its own pod.
 */
import type { Hop } from '@branchline/wire/explain'
import { expect, test } from 'vitest'
import { createLogger } from '../../process/log.ts'
import type { SidecarTable } from '../plan/plan.ts'
import { type DropReason, Reports } from './reports.ts'

const TRACE = 'a'.repeat(32)
const tables: Readonly<Record<string, SidecarTable>> = Object.fromEntries(
  ['alice', 'bob'].map((environment) => [
    `${environment}/web`,
    { environment, listeners: { 25001: { service: 'web', routes: {}, own: [] } }, callers: {} },
  ]),
)
const hop = (at: string, service = 'web'): Hop => {
  return { service, at, environment: 'x', reason: 'override', endpoints: [], status: 200, startMs: 1, ms: 1 }
}

function reportsOf(
  hopsPerSecond = 100,
  hopQueriesPerSecond = 10,
): { reports: Reports; dropped: DropReason[] } {
  const dropped: DropReason[] = []
  const limits = { hopsPerSecond, hopQueriesPerSecond, maxConnections: 10 }
  const logger = createLogger('manager', 'silent')
  const tableOf = (pod: string): SidecarTable | undefined => tables[pod]
  const reports = new Reports({ limits, logger, tableOf, onDropped: (reason) => dropped.push(reason) })
  return { reports, dropped }
}

test('a pod can report only its own hops', () => {
  const { reports, dropped } = reportsOf()
  reports.add('alice/web', TRACE, hop('alice'))
  reports.add('alice/web', TRACE, hop('alice', 'port 8080'))
  reports.add('bob/web', TRACE, hop('alice'))
  reports.add('bob/web', TRACE, hop('bob', 'api'))
  reports.add('unknown/pod', TRACE, hop('unknown'))
  expect(reports.of('bob/web', TRACE)).toEqual([
    { pod: 'alice/web', hop: hop('alice') },
    { pod: 'alice/web', hop: hop('alice', 'port 8080') },
  ])
  expect(dropped).toEqual(['foreign', 'foreign', 'foreign'])
})

test('each pod has its own share of reports and queries', () => {
  const { reports, dropped } = reportsOf(2, 1)
  for (let count = 0; count < 5; count++) reports.add('bob/web', TRACE, hop('bob'))
  reports.add('alice/web', TRACE, hop('alice'))
  expect(reports.of('alice/web', TRACE)).toHaveLength(3)
  expect(reports.of('alice/web', TRACE)).toBeUndefined()
  expect(reports.of('bob/web', TRACE)).toHaveLength(3)
  for (let count = 0; count < 3; count++) expect(reports.takesTraffic('bob/web')).toBe(true)
  expect(reports.takesTraffic('bob/web')).toBe(false)
  expect(reports.takesTraffic('alice/web')).toBe(true)
  expect(dropped).toEqual(['rate', 'rate', 'rate', 'rate', 'rate'])
})
