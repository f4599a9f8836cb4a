import assert from 'node:assert/strict'
import {
  LEAVE_PATH,
  MANAGER_ADMIN_PORT,
  MANAGER_ROUTES_PORT,
  MANAGER_SERVICE,
  PLATFORM_NAMESPACE,
  RELAY_ADMIN_PORT,
  RELAY_HTTP_PORT,
  RELAY_SERVICE,
  RELAY_TUNNEL_PORT,
  SIDECAR_ADMIN_PORT,
  SIDECAR_CONTAINER,
  SIDECAR_FIRST_INBOUND_PORT,
  TOKEN_AUDIENCE,
} from '@branchline/wire/names'
import { MANAGER_LEASE } from '@branchline/wire/permissions'
import { kube } from '../../harness/kind/cluster.ts'
import { askForRoutes, dial, type From, podNamed, statusOf } from '../../harness/kind/probes.ts'
import type { Proof } from '../proof.ts'
import {
  DIALLER,
  ELSEWHERE_PORT,
  enforcesPolicies,
  listener,
  makeElsewhere,
  removeElsewhere,
} from './elsewhere.ts'
import { checkRights } from './rights.ts'

export const networkPolicies: Proof = {
  title: 'NetworkPolicies: only sidecars reach inner ports, and the manager connects only to environments',
  async prove() {
    await makeElsewhere()
    try {
      if (!(await enforcesPolicies()))
        return 'skipped: this cluster accepts NetworkPolicies and enforces none'
      const manager = await podNamed(PLATFORM_NAMESPACE, MANAGER_SERVICE)
      const relay = await podNamed(PLATFORM_NAMESPACE, RELAY_SERVICE)
      const web = await podNamed('baseline', 'web-')
      const fromWeb: From = { namespace: 'baseline', pod: web.name, container: 'web' }
      const fromManager: From = { namespace: PLATFORM_NAMESPACE, pod: manager.name, container: 'manager' }
      assert.equal(await dial(DIALLER, relay.ip, RELAY_HTTP_PORT), 'open', 'visitors reach the relay')
      assert.equal(await dial(fromWeb, manager.ip, MANAGER_ROUTES_PORT), 'open', 'a pod with a sidecar')
      assert.equal(await dial(fromManager, web.ip, SIDECAR_FIRST_INBOUND_PORT), 'open', 'an environment')
      const closed: readonly (readonly [string, From, string, number])[] = [
        ['the routes, from elsewhere', DIALLER, manager.ip, MANAGER_ROUTES_PORT],
        ["the manager's admin port, from elsewhere", DIALLER, manager.ip, MANAGER_ADMIN_PORT],
        ['the tunnel, from elsewhere', DIALLER, relay.ip, RELAY_TUNNEL_PORT],
        ["the relay's admin port, from elsewhere", DIALLER, relay.ip, RELAY_ADMIN_PORT],
        ['the tunnel, from an environment', fromWeb, relay.ip, RELAY_TUNNEL_PORT],
        ['elsewhere, from the manager', fromManager, await listener(), ELSEWHERE_PORT],
      ]
      for (const [what, from, host, port] of closed)
        assert.equal(await dial(from, host, port), 'silence', what)
      return `closed: ${closed.map(([what]) => what).join('; ')}`
    } finally {
      await removeElsewhere()
    }
  },
}

export const leastRights: Proof = {
  title: "the manager's service account has the rights of its rules, and no others",
  async prove() {
    const { checked, allowed, wrong } = await checkRights()
    assert.deepEqual(wrong, [])
    return `${checked} rights checked, ${allowed.length} allowed, all others denied`
  },
}

export const ownPodOnly: Proof = {
  title: 'a sidecar shows health and metrics to every pod, but its table only to its own pod',
  async prove() {
    const worker = await podNamed('baseline', 'worker-')
    const web = await podNamed('baseline', 'web-')
    const sidecar: From = { namespace: 'baseline', pod: worker.name, container: SIDECAR_CONTAINER }
    const other: From = { namespace: 'baseline', pod: web.name, container: 'web' }
    const answers: string[] = []
    for (const [from, host, table] of [
      [sidecar, '127.0.0.1', '200'],
      [sidecar, worker.ip, '403'],
      [other, worker.ip, '403'],
    ] as const) {
      const ask = (path: string, method = 'GET'): Promise<string> =>
        statusOf(from, method, `http://${host}:${SIDECAR_ADMIN_PORT}${path}`)
      for (const path of ['/livez', '/readyz', '/metrics']) assert.equal(await ask(path), '200', path)
      assert.equal(await ask('/table'), table, `${from.pod} asks ${host}`)
      if (table === '403') assert.equal(await ask(LEAVE_PATH, 'POST'), '403')
      answers.push(`/table of ${host}: ${table} for a container of ${from.pod}`)
    }
    return answers.join('; ')
  },
}

/** Creates a token of a service account for an audience, optionally bound to a pod. */
async function token(namespace: string, audience: string, pod?: string): Promise<string> {
  const bound = pod === undefined ? [] : ['--bound-object-kind=Pod', `--bound-object-name=${pod}`]
  const account = pod === undefined ? 'default' : 'web'
  const args = ['-n', namespace, 'create', 'token', account, `--audience=${audience}`, ...bound]
  return (await kube(...args)).trim()
}

export const tokensReviewed: Proof = {
  title:
    'a request for routes gets 401 without a token, with another audience, or with a token of no pod, and 403 with ' +
    'a token of another pod',
  async prove() {
    const path = 'jsonpath={.spec.holderIdentity}'
    const holder = await kube('-n', PLATFORM_NAMESPACE, 'get', 'lease', MANAGER_LEASE, '-o', path)
    const leader = await podNamed(PLATFORM_NAMESPACE, holder.split('_')[0] ?? '')
    const web = await podNamed('baseline', 'web-')
    const from: From = { namespace: 'baseline', pod: web.name, container: 'web' }
    const ask = (text?: string): Promise<string> => askForRoutes(from, leader.ip, MANAGER_ROUTES_PORT, text)
    const good = await token('baseline', TOKEN_AUDIENCE, web.name)
    const cases: readonly (readonly [string, string | undefined])[] = [
      ['no token', undefined],
      ['another audience', await token('baseline', 'https://kubernetes.default.svc.cluster.local', web.name)],
      ['no pod', await token('baseline', TOKEN_AUDIENCE)],
      ['a signature that is not the API server’s', `${good.slice(0, -8)}AAAAAAAA`],
      ['no token at all, but a word', 'admin'],
    ]
    for (const [what, text] of cases) assert.equal(await ask(text), '401', what)
    const worker = await podNamed('baseline', 'worker-')
    const elsewhere: From = { namespace: 'baseline', pod: worker.name, container: 'worker' }
    assert.equal(await askForRoutes(elsewhere, leader.ip, MANAGER_ROUTES_PORT, good), '403')
    // The sidecar of that pod is already connected. A connection with the same token replaces it.
    assert.equal(await ask(good), '101')
    return `401 for: ${cases.map(([what]) => what).join('; ')}; 403 for a token of another pod`
  },
}
