import { expect, test } from 'vitest'
import { startFailure } from './failure.ts'
import { sentenceOf } from './log.ts'
import { startedText, type StartedRelay } from './text.ts'
import { faultOf, variablesOf } from './variables.ts'
import { undoneBy } from '../database/migrate.ts'

const RELAY: StartedRelay = {
  role: 'all',
  publicUrl: 'http://localhost:8080/',
  domain: 'localhost',
  api: 'http://127.0.0.1:6120',
  tunnel: 'ws://127.0.0.1:25090',
  metrics: 'http://127.0.0.1:9/metrics',
  state: './relay',
  hasDatabase: false,
  key: 'blk_secret',
  allowsLoopback: true,
  isDefaultApi: true,
}

test('the first start shows the key and two commands to try, and a later one no key', () => {
  const first = startedText(RELAY)
  expect(first).toContain('http://LABEL.localhost:8080\n')
  expect(first).toContain('export BRANCHLINE_API_KEY=blk_secret')
  expect(first).toContain('--target 127.0.0.1:3000 --access public\n  curl http://hello.localhost:8080/')
  expect(startedText({ ...RELAY, key: undefined })).not.toContain('key')
  expect(startedText({ ...RELAY, allowsLoopback: false })).toContain('--allow-targets 127.0.0.0/8')
  expect(startedText({ ...RELAY, role: 'coordinator' })).toContain('join-token create')
})

test('options are variables, and faults of variables name the option', () => {
  const options = { ports: '9-1', allowTargets: ['10.0.0.0/8', '127.0.0.1'], http: 0 }
  expect(variablesOf(options, { BRANCHLINE_PORTS: '1-2', HOME: '/root' })).toMatchObject({
    BRANCHLINE_PORTS: '9-1',
    BRANCHLINE_ALLOW_TARGETS: '10.0.0.0/8,127.0.0.1',
    BRANCHLINE_HTTP_PORT: '0',
    BRANCHLINE_ADMIN_PORT: '0',
    HOME: '/root',
  })
  expect(faultOf('BRANCHLINE_PORTS: "9-1" is not a range', options)).toBe('--ports: "9-1" is not a range')
  expect(faultOf('BRANCHLINE_DOMAIN: no', options)).toBe('BRANCHLINE_DOMAIN: no')
})

test('a port in use names its option', () => {
  const error = Object.assign(new Error('x'), { code: 'EADDRINUSE', syscall: 'listen', port: 8080 })
  const ports = { role: 'all' as const, httpPort: 8080, apiPort: 6120, tunnelPort: 1, adminPort: 0 }
  expect((startFailure(error, ports) as Error).message).toMatch(/port 8080 is in use.*--http PORT/)
  const worker = { role: 'worker' as const, httpPort: 1, apiPort: 8080, tunnelPort: 8080, adminPort: 0 }
  expect((startFailure(error, worker) as Error).message).toContain('--tunnel PORT')
})

test('lines of the log are sentences', () => {
  const line = JSON.stringify({
    level: 40,
    time: 1,
    component: 'relay',
    msg: 'no answer',
    after: 5,
    err: { message: 'reset' },
  })
  expect(sentenceOf(line)).toBe('note: no answer (after 5, reset)')
  expect(sentenceOf('plain')).toBe('plain')
})

test('which migrations a way back undoes', () => {
  const known = ['0001-a', '0002-b', '0003-c'].map((name) => ({ name, appliedAt: new Date() }))
  expect(undoneBy(known, '0001-a')).toEqual(['0003-c', '0002-b'])
  expect(undoneBy(known, 'empty')).toHaveLength(3)
  expect(undoneBy(known, 'latest')).toEqual([])
})
