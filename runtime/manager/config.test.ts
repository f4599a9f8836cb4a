import { expect, test } from 'vitest'
import type { ConfigurationError } from '../process/config.ts'
import { readConfig } from './config.ts'

test('the defaults suit a cluster, and the relay is optional', () => {
  expect(readConfig({})).toMatchObject({
    source: 'kubernetes',
    host: '0.0.0.0',
    routesPort: 25080,
    adminPort: 25081,
    relay: undefined,
    relayToken: '',
    cluster: 'default',
    gatherMs: 5,
    checkPodAddress: true,
  })
})

test('the check of pod addresses is on for a Kubernetes API, unless it is turned off', () => {
  const checks = (variables: Record<string, string>): boolean => readConfig(variables).checkPodAddress
  expect(checks({ BRANCHLINE_CHECK_POD_ADDRESS: 'off' })).toBe(false)
  const local = { BRANCHLINE_SOURCE: 'local', BRANCHLINE_LOCAL_API: '/x' }
  expect(checks({ ...local, BRANCHLINE_CHECK_POD_ADDRESS: 'on' })).toBe(false)
  expect(() => checks({ BRANCHLINE_CHECK_POD_ADDRESS: 'no' })).toThrow(
    /CHECK_POD_ADDRESS="no": wanted one of/,
  )
})

test('a relay is a WebSocket URL and needs a token', () => {
  const config = readConfig({
    BRANCHLINE_RELAY: 'wss://relay.example:25090',
    BRANCHLINE_RELAY_TOKEN: 'secret',
  })
  expect(config.relay?.href).toBe('wss://relay.example:25090/')
  expect(config.relayToken).toBe('secret')
})

test('one error names every fault', () => {
  const faults = [
    'BRANCHLINE_RELAY: "http://relay" is not a ws:// or wss:// URL of a relay',
    'BRANCHLINE_LOCAL_API is missing: set it',
    'BRANCHLINE_GATHER_MS="soon": wanted a whole number from 0 to 1000',
  ]
  const variables = {
    BRANCHLINE_SOURCE: 'local',
    BRANCHLINE_RELAY: 'http://relay',
    BRANCHLINE_GATHER_MS: 'soon',
  }
  expect(() => readConfig(variables)).toThrow(
    expect.objectContaining<Partial<ConfigurationError>>({ faults }),
  )
})
