import { request } from 'node:http'
import { MANAGER_LEASE } from '@branchline/wire/permissions'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readConfig } from './config.ts'
import type { RunningManager } from './manager.ts'
import { startOnKubernetes } from './on-kubernetes.ts'
import { respond, list, refuse, ScriptedApi, type Step, watch } from '../kubernetes/fixture/scripted-api.ts'
import { RESOURCES } from './sources/kubernetes/kinds.ts'

/** Longer than anything takes on a busy machine. */
const DEADLINE = { timeout: 45_000, interval: 5 }
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/branchline-system/leases'
const LEASE = `${LEASES}/${MANAGER_LEASE}`
const LEASE_LIMITS = {
  leaseDurationSeconds: 1,
  renewDeadlineMs: 300,
  retryPeriodMs: 50,
  requestTimeoutMs: 100,
}
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

async function start(variables: Record<string, string> = {}): Promise<RunningManager> {
  const config = readConfig({
    ...variables,
    BRANCHLINE_SOURCE: 'kubernetes',
    POD_IP: '127.0.0.1',
    BRANCHLINE_ROUTES_PORT: '0',
    BRANCHLINE_ADMIN_PORT: '0',
    HOSTNAME: 'manager-0',
  })
  manager = await startOnKubernetes(config, server.access(), logger, LEASE_LIMITS)
  return manager
}

/** Responds with the Lease that the request contained. */
const echo: Step = (response, request) => {
  const { spec } = request.body as { spec: object }
  respond({ metadata: { resourceVersion: '2' }, spec })(response, request)
}
/** The status that a sidecar gets: 503 if this replica does not serve, 401 for a bad token, 101 if it is accepted. */
async function knock({ routesPort }: RunningManager, token?: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    const headers = {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'branchline.routes.v1',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    const asking = request({ host: '127.0.0.1', port: routesPort, path: '/routes', headers })
    asking.once('response', (response) => resolve(response.statusCode ?? 0)).once('error', reject)
    asking.once('upgrade', (response, socket) => {
      resolve(response.statusCode ?? 0)
      socket.destroy()
    })
    asking.end()
  })
}

test('it stands for election once it has listed all objects, serves once elected, and releases the lease', async () => {
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

test('while another replica leads, it is ready and serves no sidecars', async () => {
  const spec = { holderIdentity: 'manager-1_x', leaseDurationSeconds: 3_600 }
  server.always(`GET ${LEASE}`, respond({ metadata: { resourceVersion: '7' }, spec }))
  const running = await start()
  await expect.poll(() => running.notReady(), DEADLINE).toBeUndefined()
  await expect.poll(() => server.seen(`GET ${LEASE}`).length, DEADLINE).toBeGreaterThan(0)
  expect(await knock(running)).toBe(503)
  expect(server.arrived.filter(({ method }) => method !== 'GET')).toEqual([])
})

test.each([
  ['from its own pod', '127.0.0.1', {}, 101],
  ['from another address', '10.0.0.1', {}, 403],
  ['from another address, unchecked', '10.0.0.1', { BRANCHLINE_CHECK_POD_ADDRESS: 'off' }, 101],
])('a token that comes %s', async (_, ip, variables, status) => {
  const metadata = { name: 'api-0', namespace: 'base', uid: 'u1', resourceVersion: '1' }
  const pods = [{ metadata, spec: {}, status: { podIP: ip, podIPs: [{ ip }] } }]
  server.always(`LIST /api/v1/pods`, list('1', pods))
  server.script(`GET ${LEASE}`, refuse(404)).script(`POST ${LEASES}`, echo).always(`PUT ${LEASE}`, echo)
  const extra = {
    'authentication.kubernetes.io/pod-name': ['api-0'],
    'authentication.kubernetes.io/pod-uid': ['u1'],
  }
  const user = { username: 'system:serviceaccount:base:api', extra }
  const review = { status: { authenticated: true, audiences: ['branchline-manager'], user } }
  server.always('POST /apis/authentication.k8s.io/v1/tokenreviews', respond(review, 201))
  const running = await start(variables)
  await expect.poll(() => knock(running, 'token'), DEADLINE).toBe(status)
  const metrics = await (await fetch(`http://127.0.0.1:${running.adminPort}/metrics`)).text()
  const counted = metrics.includes('branchline_manager_sidecar_refusals_total{reason="address"} 1')
  expect(counted).toBe(status === 403)
})

test('it keeps serving while the API cannot be reached, and stops once another replica leads', async () => {
  server.script(`GET ${LEASE}`, refuse(404)).script(`POST ${LEASES}`, echo).always(`PUT ${LEASE}`, echo)
  const running = await start()
  await expect.poll(() => knock(running), DEADLINE).toBe(401)
  server.always(`GET ${LEASE}`, refuse(500))
  const { length } = server.seen(`GET ${LEASE}`)
  const tries = (3 * LEASE_LIMITS.renewDeadlineMs) / LEASE_LIMITS.retryPeriodMs
  await expect.poll(() => server.seen(`GET ${LEASE}`).length, DEADLINE).toBeGreaterThan(length + tries)
  expect(await knock(running)).toBe(401)
  const spec = { holderIdentity: 'manager-1_x', leaseDurationSeconds: 3_600 }
  server.always(`GET ${LEASE}`, respond({ metadata: { resourceVersion: '7' }, spec }))
  await expect.poll(() => knock(running), DEADLINE).toBe(503)
})
