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

test('reads how to choose, to wait, to log and to trace', () => {
  const read = (variables: Record<string, string>): unknown =>
    readConfig({ BRANCHLINE_INBOUND: '25001=80/http', ...variables })
  expect(read({})).toMatchObject({
    balancing: 'least-outstanding',
    holdTimeoutMs: 10_000,
    accessLog: 'errors',
    routeExplain: 'allow',
    addedIds: ['b3', 'x-b3', 'uber-trace-id', 'x-request-id'],
    via: undefined,
    connections: 10_000,
    tracesUrl: undefined,
    drainDelayMs: 500,
  })
  const otlp = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' }
  expect(read({ ...otlp, BRANCHLINE_ACCESS_LOG: 'sample:100', BRANCHLINE_ID_HEADERS: 'none' })).toMatchObject(
    {
      tracesUrl: 'http://collector:4318/v1/traces',
      accessLog: { oneOf: 100 },
      addedIds: [],
    },
  )
  expect(read({ BRANCHLINE_CONNECTIONS: '20000' })).toMatchObject({ connections: 20_000 })
  expect(() => read({ BRANCHLINE_CONNECTIONS: '0' })).toThrow(/BRANCHLINE_CONNECTIONS/)
  expect(read({ BRANCHLINE_VIA: 'branchline' })).toMatchObject({ via: 'branchline' })
  expect(() => read({ BRANCHLINE_VIA: 'two words' })).toThrow(/BRANCHLINE_VIA: "two words": wanted a token/)
  const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://other:1/x' }
  expect(read({ ...otlp, ...own, BRANCHLINE_ID_HEADERS: 'x-b3, b3' })).toMatchObject({
    tracesUrl: 'http://other:1/x',
    addedIds: ['b3', 'x-b3'],
  })
  expect(() => read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318', BRANCHLINE_ID_HEADERS: 'b4' })).toThrow(
    /BRANCHLINE_ID_HEADERS: "b4"[^]*OTEL_EXPORTER_OTLP_ENDPOINT: .*http:\/\//,
  )
})
