import { expect, test } from 'vitest'
import type { EnvironmentView, PlatformEvent } from './platform.ts'
import { Unreached, unreachedProblems } from './unreached.ts'

const alice = (unreached?: string): EnvironmentView => ({
  name: 'alice',
  namespace: 'alice',
  type: 'branch',
  overrides: ['pricing'],
  ready: true,
  previews: [],
  ...(unreached !== undefined && { unreached }),
})

test('an override that requests do not reach is a problem until they do, reported once', () => {
  const events: PlatformEvent[] = []
  const reports = new Unreached()
  const update = (view: EnvironmentView): void => {
    reports.update([view], { onEvent: (event) => events.push(event) })
  }
  const message = 'pricing was not reached'
  for (const view of [alice(), alice(message), alice(message), alice(), alice()]) update(view)
  const [problem] = unreachedProblems([alice(message)])
  expect(problem).toEqual({ severity: 'warning', object: 'Environment alice', message })
  expect(events).toEqual([
    { type: 'problem', problem },
    { type: 'solved', problem },
  ])
})
