import { managerMessage } from '@branchline/wire/routes/messages'
import { expect, test } from 'vitest'
import { deltaText, snapshotText } from './text.ts'

const target = { environment: 'alice "x"', endpoints: ['10.0.0.2:25001'], onUnavailable: 'baseline' as const }

test('messages match the protocol, also if they share parts', () => {
  const listeners = { 25001: { service: 'api', routes: { alice: target }, own: [] } }
  const callers = { '10.0.0.2': 'alice' }
  for (const environment of ['base', 'quo"te']) {
    expect(managerMessage.parse(JSON.parse(snapshotText(7, { environment, listeners, callers })))).toEqual({
      type: 'snapshot',
      explains: true,
      observes: true,
      table: { epoch: 7, environment, listeners, callers },
    })
  }
  const change = { listeners: { 25001: null }, callers: { '10.0.0.2': null } }
  for (const from of [6, 7]) {
    expect(managerMessage.parse(JSON.parse(deltaText(from, 8, change)))).toEqual({
      type: 'delta',
      from,
      epoch: 8,
      ...change,
    })
  }
})
