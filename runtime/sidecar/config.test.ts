import { expect, test } from 'vitest'
import type { ConfigurationError } from '../process/config.ts'
import { readConfig } from './config.ts'

test('reads what injectSidecar writes', () => {
  const config = readConfig({
    BRANCHLINE_INBOUND: '25001=8080/http,25002=5432/tcp',
    BRANCHLINE_MANAGER: 'ws://manager.example:25080',
    BRANCHLINE_TOKEN_FILE: '/token',
    BRANCHLINE_HEADER: 'Kubernetes-Route-As',
    POD_IP: '127.1.0.4',
    BRANCHLINE_APP_HOST: '127.1.0.4',
    LOG_LEVEL: 'debug',
  })
  expect(config).toMatchObject({
    host: '127.1.0.4',
    appHost: '127.1.0.4',
    inbound: [
      { port: 25001, appPort: 8080, protocol: 'http' },
      { port: 25002, appPort: 5432, protocol: 'tcp' },
    ],
    managerUrl: 'ws://manager.example:25080/routes',
    tokenFile: '/token',
    keyHeader: 'kubernetes-route-as',
    logLevel: 'debug',
  })
})

test('has a default for everything but the inbound ports', () => {
  expect(readConfig({ BRANCHLINE_INBOUND: '25001=80/auto' })).toMatchObject({
    host: '0.0.0.0',
    appHost: '127.0.0.1',
    adminPort: 25000,
    managerUrl: 'ws://branchline-manager.branchline-system.svc.cluster.local:25080/routes',
    keyHeader: undefined,
  })
})

test('names every fault together', () => {
  const faults = faultsOf({
    BRANCHLINE_INBOUND: '25001-8080',
    BRANCHLINE_MANAGER: 'http://manager',
    BRANCHLINE_HEADER: 'Host',
    LOG_LEVEL: 'loud',
  })
  expect(faults).toHaveLength(4)
  expect(faults.join('\n')).toMatch(
    /BRANCHLINE_INBOUND: .*25001-8080[^]*BRANCHLINE_MANAGER: [^]*HEADER: [^]*LOG_LEVEL/,
  )
  expect(faultsOf({})).toEqual([
    expect.stringContaining('BRANCHLINE_INBOUND is missing'.split(' ')[0] as string),
  ])
})

function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment)
  } catch (error) {
    return (error as ConfigurationError).faults
  }
  return []
}
