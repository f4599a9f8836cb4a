import { request } from 'node:http'
import { MANAGER_LEASE } from '@branchline/wire/permissions'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from './config.ts'
import type { RunningManager } from './manager.ts'
import { startOnKubernetes } from './on-kubernetes.ts'
import {
  answer,
  list,
  refuse,
  ScriptedApi,
  type Step,
  watch,
} from './sources/kubernetes/fixture/scripted-api.ts'
import { RESOURCES } from './sources/kubernetes/kinds.ts'

const DEADLINE = { timeout: 5_000, interval: 5 }
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/branchline-system/leases'
const LEASE = `${LEASES}/${MANAGER_LEASE}`
const logger = pino({ level: 'silent' })

let server: ScriptedApi
let manager: RunningManager | undefined
beforeEach(async () => {
  server = await new ScriptedApi().listen()
  for (const { path } of RESOURCES)
    server.always(`LIST ${path}`, list('1', [])).always(`WATCH ${path}`, watch([]))
})
afterEach(async () => {
  await manager?.stop()
  await server.close()
})

async function start(): Promise<RunningManager> {
  const config = readConfig({
    BRANCHLINE_SOURCE: 'kubernetes',
    POD_IP: '127.0.0.1',
    BRANCHLINE_ROUTES_PORT: '0',
    BRANCHLINE_ADMIN_PORT: '0',
    HOSTNAME: 'manager-0',
  })
  manager = await startOnKubernetes(config, server.access(), logger)
  return manager
}

/** Answers with the lease as it was sent. */
const echo: Step = (response, request) => {
  const { spec } = request.body as { spec: object }
  answer({ metadata: { resourceVersion: '2' }, spec })(response, request)
}
/** What a sidecar is told: 503 where nobody serves it here, 401 for its token otherwise. */
async function knock({ routesPort }: RunningManager): Promise<number> {
  return await new Promise((resolve, reject) => {
    const headers = {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'branchline.routes.v1',
    }
    const asking = request({ host: '127.0.0.1', port: routesPort, path: '/routes', headers })
    asking.once('response', (response) => resolve(response.statusCode ?? 0)).once('error', reject)
    asking.end()
  })
}

test('it stands for election once it has seen all, serves once elected, and gives the lease back', async () => {
  const path = RESOURCES[1]?.path ?? ''
  let show = (): void => undefined
  server.script(`LIST ${path}`, (response, request) => (show = () => list('1', [])(response, request)))
  server.script(`GET ${LEASE}`, refuse(404)).script(`POST ${LEASES}`, echo).always(`PUT ${LEASE}`, echo)
  const running = await start()
  await expect.poll(() => server.seen(`LIST ${path}`).length, DEADLINE).toBe(1)
  expect(await knock(running)).toBe(503)
  expect(running.notReady()).toBeDefined()
  expect(server.seen(`GET ${LEASE}`)).toEqual([])
  show()
  await expect.poll(() => knock(running), DEADLINE).toBe(401)
  expect(running.notReady()).toBeUndefined()
  const [created] = server.seen(`POST ${LEASES}`)
  expect(created?.body).toMatchObject({
    spec: { holderIdentity: expect.stringMatching(/^manager-0_/) as string },
  })
  await running.stop()
  manager = undefined
  const released = server.seen(`PUT ${LEASE}`).at(-1)
  expect(released?.body).toMatchObject({ metadata: { resourceVersion: '2' }, spec: { holderIdentity: '' } })
  await expect.poll(() => server.connections(), DEADLINE).toBe(0)
})

test('while another leads it is ready, and serves nobody', async () => {
  const spec = { holderIdentity: 'manager-1_x', leaseDurationSeconds: 3_600 }
  server.always(`GET ${LEASE}`, answer({ metadata: { resourceVersion: '7' }, spec }))
  const running = await start()
  await expect.poll(() => running.notReady(), DEADLINE).toBeUndefined()
  await expect.poll(() => server.seen(`GET ${LEASE}`).length, DEADLINE).toBeGreaterThan(0)
  expect(await knock(running)).toBe(503)
  expect(server.arrived.filter(({ method }) => method !== 'GET')).toEqual([])
})
