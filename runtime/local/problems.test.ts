import { expect, test } from 'vitest'
import { Problems } from './problems.ts'
import { describeProblem, type Problem } from './types.ts'

function record(): { problems: Problems; seen: string[] } {
  const seen: string[] = []
  const say = (what: string) => (problem: Problem) => void seen.push(`${what} ${describeProblem(problem)}`)
  return { problems: new Problems({ onProblem: say('problem'), onSolved: say('solved') }), seen }
}
const ofFile = (message: string, line = 1): Problem => ({ severity: 'error', file: 'a.yaml', line, message })

test('a problem of a manifest is reported once, and once when it is solved, wherever its line moves', () => {
  const { problems, seen } = record()
  problems.setManifests([], [ofFile('is empty')])
  problems.setManifests([], [ofFile('is empty', 7), ofFile('is late')])
  problems.setManifests([], [ofFile('is late')])
  expect(seen).toEqual([
    'problem a.yaml:1: is empty',
    'problem a.yaml:1: is late',
    'solved a.yaml:7: is empty',
  ])
  expect(problems.list()).toEqual([ofFile('is late')])
})

test('when the pods are ready, only what concerned their start is solved', () => {
  const { problems, seen } = record()
  const report = (message: string, passing?: boolean) =>
    problems.report('Deployment/shop/api', { severity: 'warning', message }, passing)
  report('exited with code 1', true)
  report('runs as root')
  problems.recovered('Deployment/shop/other')
  problems.recovered('Deployment/shop/api')
  problems.recovered('Deployment/shop/api')
  expect(seen).toEqual([
    'problem Deployment shop/api: exited with code 1',
    'problem Deployment shop/api: runs as root',
    'solved Deployment shop/api: exited with code 1',
  ])
  expect(problems.list()).toHaveLength(1)
  report('exited with code 1', true)
  expect(seen).toHaveLength(4)
})
