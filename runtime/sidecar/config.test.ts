import { settingsOf, variableOf } from '@branchline/wire/settings/table'
import { expect, test } from 'vitest'
import { DEFAULT_UNREAD_LIMITS } from '../transport/unread-bytes.ts'
import { DEFAULT_LIMITS } from '../http1/index.ts'
import { DEFAULT_HTTP2_LIMITS } from '../http2/index.ts'
import type { ConfigurationError } from '../process/config.ts'
import { readConfig, type SidecarConfig } from './config.ts'
import { DEFAULT_HOLD_LIMITS } from './route/hold.ts'
import { DEFAULT_OPENING_LIMITS } from './inbound/opening.ts'
import { DEFAULT_RAW_LIMITS } from './inbound/tcp.ts'

test('reads the variables that injectSidecar writes', () => {
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
    hosts: ['127.1.0.4'],
    appHosts: ['127.1.0.4'],
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
    hosts: ['0.0.0.0', '::'],
    appHosts: ['127.0.0.1', '::1'],
    adminPort: 25000,
    managerUrl: 'ws://branchline-manager.branchline-system.svc.cluster.local:25080/routes',
    keyHeader: undefined,
  })
})

test('listens on all addresses, and looks for the app on loopback, then at the addresses of its pod', () => {
  const read = (variables: Record<string, string>): unknown =>
    readConfig({ BRANCHLINE_INBOUND: '25001=80/auto', ...variables })
  const [four, six] = ['10.0.0.4', 'fd00::4']
  const hosts = ['0.0.0.0', '::']
  const appHosts = ['127.0.0.1', '::1', four, six]
  expect(read({ POD_IP: four, POD_IPS: `${four},${six}` })).toMatchObject({ hosts, appHosts })
  expect(read({ POD_IP: six })).toMatchObject({ hosts, appHosts: ['127.0.0.1', '::1', six] })
  expect(read({ POD_IP: '::', POD_IPS: `${four},${six}` })).toMatchObject({ hosts, appHosts })
  expect(read({ POD_IP: four, POD_IPS: six, BRANCHLINE_APP_HOST: 'localhost' })).toMatchObject({
    hosts,
    appHosts: ['localhost'],
  })
})

test('listens on the address of its pod alone if that is a loopback address, which other pods share', () => {
  for (const POD_IP of ['127.64.0.2', '::1']) {
    expect(readConfig({ BRANCHLINE_INBOUND: '25001=80/auto', POD_IP }).hosts).toEqual([POD_IP])
  }
})

test('an app port that only the sidecar can have is a fault', () => {
  const inbound = { BRANCHLINE_INBOUND: '25001=25002/http,25002=80/http' }
  expect(faultsOf({ ...inbound, POD_IP: '127.64.0.2' })).toEqual([])
  const sentence = /^BRANCHLINE_INBOUND: the sidecar itself listens at port 25002/
  const all = { ...inbound, POD_IP: '10.0.0.4' }
  const exact = { ...inbound, POD_IP: '127.64.0.2', BRANCHLINE_APP_HOST: '127.64.0.2' }
  for (const variables of [all, exact]) expect(faultsOf(variables)).toEqual([expect.stringMatching(sentence)])
})

test('names all faults together', () => {
  const faults = faultsOf({
    BRANCHLINE_INBOUND: '25001-8080',
    BRANCHLINE_MANAGER: 'http://manager',
    BRANCHLINE_HEADER: 'Host',
    LOG_LEVEL: 'loud',
    POD_IPS: '10.0.0.4,pod',
  })
  expect(faults).toHaveLength(5)
  expect(faults.join('\n')).toMatch(
    /POD_IPS: "pod"[^]*BRANCHLINE_INBOUND: .*25001-8080[^]*BRANCHLINE_MANAGER: [^]*HEADER: [^]*LOG_LEVEL/,
  )
  expect(faultsOf({})).toEqual([
    expect.stringContaining('BRANCHLINE_INBOUND is missing'.split(' ')[0] as string),
  ])
})

test('an inbound port never leads to the admin port, where callers would count as the pod itself', () => {
  const variables = { BRANCHLINE_INBOUND: '25001=8080/http,25002=25000/tcp' }
  expect(faultsOf(variables)).toEqual([
    'BRANCHLINE_INBOUND: the sidecar itself listens at port 25000, so that the app cannot: give one of them another port',
  ])
  expect(faultsOf({ ...variables, BRANCHLINE_ADMIN_PORT: '24000' })).toEqual([])
})

function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment)
  } catch (error) {
    return (error as ConfigurationError).faults
  }
  return []
}

test('reads the settings for balancing, waiting, logging and tracing', () => {
  const read = (variables: Record<string, string>): unknown =>
    readConfig({ BRANCHLINE_INBOUND: '25001=80/http', ...variables })
  expect(read({})).toMatchObject({
    balancing: 'least-outstanding',
    holdTimeoutMs: 10_000,
    accessLog: 'errors',
    routeExplain: 'allow',
    addedIds: ['b3', 'x-b3', 'uber-trace-id', 'x-request-id'],
    via: undefined,
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
  expect(read({ BRANCHLINE_CONNECTIONS: '20000' })).toMatchObject({
    limits: { http: { connections: 20_000 } },
  })
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

test('every setting of the table reaches the field that it names', () => {
  const parts: Record<string, object> = {
    http: DEFAULT_LIMITS,
    http2: DEFAULT_HTTP2_LIMITS,
    raw: DEFAULT_RAW_LIMITS,
    opening: DEFAULT_OPENING_LIMITS,
    hold: DEFAULT_HOLD_LIMITS,
    unread: DEFAULT_UNREAD_LIMITS,
    hop: { upstreamResponseMs: 0, responseProgressMs: 0 },
    config: { holdTimeoutMs: 0, firstTableTimeoutMs: 0, drainTimeoutMs: 0, drainDelayMs: 0 },
  }
  const variables = Object.fromEntries(
    settingsOf('sidecar').map(([name, { min }]) => [variableOf(name), String(min)]),
  )
  const config = readConfig({ BRANCHLINE_INBOUND: '25001=80/http', ...variables })
  for (const [, { sets, min }] of settingsOf('sidecar')) {
    for (const place of sets) {
      const [part, field] = place.split('.') as [string, string]
      const holder = part === 'config' ? config : config.limits[part as keyof SidecarConfig['limits']]
      expect([place, (holder as Record<string, unknown> | undefined)?.[field]]).toEqual([place, min])
      expect(Object.keys(parts[part] ?? {})).toContain(field)
    }
  }
})

test('a setting that is out of range is a fault that names its variable', () => {
  expect(faultsOf({ BRANCHLINE_INBOUND: '25001=80/http', BRANCHLINE_HEAD_BYTES: '1' })).toEqual([
    'BRANCHLINE_HEAD_BYTES="1": wanted a whole number from 1024 to 1048576',
  ])
})
