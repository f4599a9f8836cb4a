import { get, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { app, TestCluster } from './test/harness.ts'
import { until } from '../testing/until.ts'

const started: TestCluster[] = []
async function start(...args: Parameters<typeof TestCluster.start>): Promise<TestCluster> {
  const cluster = await TestCluster.start(...args)
  started.push(cluster)
  return cluster
}
afterEach(async () => {
  await Promise.all(started.splice(0).map((cluster) => cluster.stop()))
})

const publish = (service: string) => [
  { namespace: 'shop', service, servicePort: 7000, port: 0, owner: 'test' },
]
async function ask<T>(port: number | undefined, path = '/'): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
  return (await response.json()) as T
}
interface Hello {
  readonly version: string
  readonly pid: number
}

test('a pod is a process with its own address, variables, arguments and files', async () => {
  const config = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'c', namespace: 'shop' },
    data: { k: 'v1' },
  }
  const api = app('api', {
    args: ['--file=/etc/app/k', '$(POD_IP)', '$$(POD_IP)'],
    env: { FILE: '/etc/app/k', FROM: '$(HOST):$(PORT)' },
    container: {
      volumeMounts: [{ name: 'conf', mountPath: '/etc/app' }],
      // On a busy machine the app listens late.
      readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 1, failureThreshold: 60 },
    },
    pod: { volumes: [{ name: 'conf', configMap: { name: 'c' } }] },
  })
  const cluster = await start({ 'api.json': api, 'c.json': [config] }, { publish: publish('api') })
  const [pod] = await cluster.ready('shop', 'api')
  const [port] = cluster.ports
  const env = await ask<Record<string, string>>(port, '/env')
  expect(env).toMatchObject({ POD_IP: pod?.ip, HOST: pod?.ip, PORT: '8080', FROM: `${pod?.ip}:8080` })
  expect(env['API_SERVICE_PORT_HTTP']).toBe('7000')
  expect(await ask(port, '/args')).toEqual([`--file=${env['FILE']}`, pod?.ip, '$(POD_IP)'])
  const file = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${port}/file?path=${env['FILE']}`)).text()
  expect(await file()).toBe('v1')
  cluster.write('c.json', [{ ...config, data: { k: 'v2' } }])
  await until(async () => (await file()) === 'v2', 'the new file')
  expect(cluster.cluster.problems()).toEqual([])
})

test('a container that dies or fails its liveness probe is restarted, and the reason is reported', async () => {
  const cluster = await start(
    {
      'api.json': app('api', {
        container: {
          readinessProbe: undefined,
          // On a busy machine the app listens late, and its responses come late.
          startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 60 },
          livenessProbe: {
            httpGet: { path: '/ready', port: 8080 },
            periodSeconds: 1,
            timeoutSeconds: 60,
            failureThreshold: 1,
          },
        },
      }),
    },
    { publish: publish('api') },
  )
  await cluster.ready('shop', 'api')
  const first = await ask<Hello>(cluster.ports[0])
  await ask(cluster.ports[0], '/die').catch(() => undefined)
  await until(() => cluster.pods('shop', 'api')[0]?.containers[0]?.restarts === 1, 'a restart')
  await cluster.ready('shop', 'api')
  const second = await ask<Hello>(cluster.ports[0])
  expect(second.pid).not.toBe(first.pid)
  await ask(cluster.ports[0], '/unready')
  await until(() => cluster.pods('shop', 'api')[0]?.containers[0]?.restarts === 2, 'another restart')
  expect(cluster.reported.join('\n')).toMatch(
    /api\.json:1: Deployment shop\/api: container api exited with code 3/,
  )
  expect(cluster.reported.join('\n')).toMatch(/its liveness probe failed: it responded with 503/)
})

test('a rolling update behind the Service address fails no request, and unready pods get none', async () => {
  const cluster = await start({ 'api.json': app('api', { replicas: 2 }) }, { publish: publish('api') })
  await cluster.ready('shop', 'api', 2)
  const versions = new Set<string>()
  const over = new AbortController()
  let sent = 0
  const load = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const body = await getOnce(cluster.ports[0] as number)
      versions.add((JSON.parse(body) as Hello).version)
      sent++
    }
  }
  const loads = [load(), load()]
  cluster.write('api.json', app('api', { replicas: 2, env: { VERSION: '2' } }))
  await until(() => versions.has('2'), 'version 2')
  await until(() => cluster.pods('shop', 'api').length === 2, 'the end of the old pods')
  over.abort()
  await Promise.all(loads)
  expect(sent).toBeGreaterThan(20)
  expect((await ask<Hello>(cluster.ports[0])).version).toBe('2')
})

function getOnce(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent: false }, (response) => {
      text(response).then(resolve, reject)
    }).once('error', reject)
  })
}

test('names and variables lead to the nearest Service of the chain, immediately after a change', async () => {
  const environment = (name: string, spec: object) => ({
    apiVersion: 'branchline.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name, namespace: name },
    spec,
  })
  const cluster = await start({
    'envs.json': [
      environment('baseline', { type: 'shared' }),
      environment('alice', { type: 'branch', base: 'baseline' }),
    ],
    'api.json': app('api', { namespace: 'baseline' }),
    'web.json': app('web', { namespace: 'alice' }),
  })
  const [web] = await cluster.ready('alice', 'web')
  await cluster.ready('baseline', 'api')
  const env = await cluster.ask<Record<string, string>>(web, '/env')
  const lookup = async (name: string): Promise<string | undefined> =>
    (await cluster.ask<{ address?: string }>(web, `/lookup?name=${name}`)).address
  expect(env['API_SERVICE_HOST']).toMatch(/^(?:127|10)\./)
  if (!cluster.cluster.network.hasNames) return
  expect(await lookup('api')).toBe(env['API_SERVICE_HOST'])
  expect(await lookup('api.baseline.svc.cluster.local')).toBe(env['API_SERVICE_HOST'])
  expect(await lookup('api.alice')).toBeUndefined()
  cluster.write('override.json', app('api', { namespace: 'alice' }))
  await until(async () => (await lookup('api')) !== env['API_SERVICE_HOST'], 'the override')
  expect(await lookup('api')).toBe(await lookup('api.alice.svc'))
  cluster.remove('override.json')
  await until(async () => (await lookup('api')) === env['API_SERVICE_HOST'], 'the baseline again')
  await until(() => cluster.pods('alice', 'api').length === 0, 'the end of the override')
})

test("a branch's pods call the Services above them from one of their addresses, and other pods from none", async () => {
  const environment = (name: string, spec: object) => ({
    apiVersion: 'branchline.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name, namespace: name },
    spec,
  })
  const cluster = await start({
    'envs.json': [
      environment('baseline', { type: 'shared' }),
      environment('alice', { type: 'branch', base: 'baseline' }),
      environment('bob', { type: 'branch', base: 'baseline' }),
    ],
    'api.json': [...app('api', { namespace: 'baseline' }), ...app('web', { namespace: 'baseline' })],
    'alice.json': app('web', { namespace: 'alice', replicas: 2 }),
    'bob.json': app('web', { namespace: 'bob' }),
  })
  const from = async (caller: { ip: string } | undefined, host: string): Promise<string> => {
    const url = encodeURIComponent(`http://${host}:7000/from`)
    return (await cluster.ask<{ from: string }>(caller, `/call?url=${url}`)).from
  }
  const [alice, bob, baseline] = await Promise.all([
    cluster.ready('alice', 'web', 2),
    cluster.ready('bob', 'web'),
    cluster.ready('baseline', 'web'),
    cluster.ready('baseline', 'api'),
  ])
  const host = async (pod: { ip: string } | undefined): Promise<string> =>
    (await cluster.ask<Record<string, string>>(pod, '/env'))['API_SERVICE_HOST'] as string
  const addresses = addressesOf(cluster, alice)
  const bobs = addressesOf(cluster, bob)
  const anonymous = cluster.cluster.network.hidesCallers ? ['127.0.0.1'] : addressesOf(cluster, baseline)
  for (const pod of alice) expect(addresses).toContain(await from(pod, await host(pod)))
  expect(bobs).toContain(await from(bob[0], await host(bob[0])))
  expect(anonymous).toContain(await from(baseline[0], await host(baseline[0])))
  if (!cluster.cluster.network.hasNames) return
  expect(bobs).toContain(await from(bob[0], 'api'))
  expect(bobs).toContain(await from(bob[0], 'api.baseline.svc.cluster.local'))
  // Once the pod with the source address is gone, the address of another pod is used.
  cluster.write('alice.json', app('web', { namespace: 'alice', env: { VERSION: '2' } }))
  await until(() => {
    const pods = cluster.pods('alice', 'web')
    return pods.length === 1 && pods[0]?.ready === true && !addresses.includes(pods[0].ip)
  }, 'the new pod alone')
  const left = cluster.pods('alice', 'web')
  expect(addressesOf(cluster, left)).toContain(await from(left[0], 'api'))
})

/** The addresses of pods as the manager knows them. */
function addressesOf(cluster: TestCluster, pods: readonly { name: string }[]): string[] {
  const objects = cluster.cluster.store
    .list('Pod')
    .filter(({ metadata }) => pods.some(({ name }) => name === metadata.name))
  return objects.flatMap(({ status }) => (status as { podIPs: { ip: string }[] }).podIPs.map(({ ip }) => ip))
}

test('headless and ExternalName Services have names', async () => {
  const cluster = await start({
    'web.json': app('web'),
    'more.json': [
      ...app('db', { service: { clusterIP: 'None' } }),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'out', namespace: 'shop' },
        spec: { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' },
      },
    ],
  })
  const [[web], [db]] = await Promise.all([cluster.ready('shop', 'web'), cluster.ready('shop', 'db')])
  if (!cluster.cluster.network.hasNames) return
  const lookup = async (name: string): Promise<string | undefined> =>
    (await cluster.ask<{ address?: string }>(web, `/lookup?name=${name}`)).address
  await until(async () => (await lookup('db')) === db?.ip, 'the name of the pod')
  expect(await lookup('out')).toBe(await lookup('web'))
})

test('native sidecars start first, init containers run to completion, and a StatefulSet pod keeps its name', async () => {
  const init = {
    name: 'init',
    command: ['sh', '-c', 'echo done > /data/init'],
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  }
  const sidecar = { name: 'side', restartPolicy: 'Always', command: ['sleep', '1000'] }
  const [deployment, service] = app('db', {
    container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
    env: { FILE: '/data/init' },
    pod: { initContainers: [sidecar, init], volumes: [{ name: 'data', emptyDir: {} }] },
  })
  const cluster = await start(
    { 'db.json': [{ ...deployment, kind: 'StatefulSet' }, service as object] },
    { publish: publish('db') },
  )
  const [pod] = await cluster.ready('shop', 'db')
  expect(pod?.name).toBe('db-0')
  expect(pod?.containers.map(({ name, pid }) => [name, pid !== undefined])).toEqual([
    ['side', true],
    ['init', false],
    ['db', true],
  ])
  const { FILE } = await ask<{ FILE: string }>(cluster.ports[0], '/env')
  expect(await (await fetch(`http://127.0.0.1:${cluster.ports[0]}/file?path=${FILE}`)).text()).toBe('done\n')
})

test('the manager gets objects, changes, tokens and statuses over the socket', async () => {
  const volume = {
    name: 't',
    projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'm' } }] },
  }
  const api = app('api', {
    namespace: 'branchline-system',
    env: { TOKEN: '/t/token' },
    container: { volumeMounts: [{ name: 't', mountPath: '/t' }] },
    pod: { volumes: [volume] },
  })
  const preview = {
    apiVersion: 'branchline.dev/v1alpha1',
    kind: 'Preview',
    metadata: { name: 'p', namespace: 'shop' },
    spec: { service: 'api', port: 80, access: 'public' },
  }
  const cluster = await start({ 'api.json': api, 'p.json': [preview] })
  const [pod] = await cluster.ready('branchline-system', 'api')
  const env = await cluster.ask<Record<string, string>>(pod, '/env')
  const socketPath = env['BRANCHLINE_LOCAL_API'] as string
  const call = (method: string, path: string, body?: unknown) =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const sent = request({ socketPath, method, path }, (response) => {
        text(response).then((body) => resolve({ status: response.statusCode, text: body }), reject)
      })
      sent.once('error', reject).end(body === undefined ? undefined : JSON.stringify(body))
    })
  const token = await cluster.get(pod?.ip, 8080, `/file?path=${env['TOKEN']}`)
  const review = (audience: string) => call('POST', '/v1/tokenreviews', { token, audience })
  expect(JSON.parse((await review('m')).text)).toEqual({ namespace: 'branchline-system', pod: pod?.name })
  expect((await review('other')).status).toBe(401)
  const status = { kind: 'Preview', namespace: 'shop', name: 'p', status: { url: 'http://x' } }
  expect((await call('PUT', '/v1/status', status)).status).toBe(204)
  expect((await call('PUT', '/v1/status', { ...status, name: 'none' })).status).toBe(404)
  expect((await call('PUT', '/v1/status', { kind: 'Pod' })).status).toBe(400)
  expect(JSON.parse((await call('GET', '/v1/state')).text)).toEqual(cluster.cluster.state())
  const slice = cluster.cluster.store.list('EndpointSlice')[0]
  expect(slice).toMatchObject({
    metadata: { namespace: 'branchline-system', labels: { 'kubernetes.io/service-name': 'api' } },
    ports: [{ name: 'http', port: 8080 }],
    endpoints: [
      {
        addresses: [pod?.ip],
        conditions: { ready: true, serving: true, terminating: false },
        targetRef: { kind: 'Pod', name: pod?.name },
      },
    ],
  })
  const lines: string[] = []
  const watch = request({ socketPath, path: '/v1/watch' }, (response) => {
    response.setEncoding('utf8').on('data', (chunk: string) => lines.push(chunk))
    response.on('error', () => undefined)
  })
  watch.on('error', () => undefined).end()
  await until(() => lines.join('').includes('"SYNCED"'), 'SYNCED')
  expect(lines.join('')).not.toContain('"Secret"')
  cluster.remove('p.json')
  await until(() => lines.join('').includes('"DELETED"'), 'DELETED')
  watch.destroy()
})

test('faults are reported and the rest runs, and a file that becomes invalid keeps its last state', async () => {
  const cluster = await start({
    'ok.json': app('ok'),
    'bad.json': app('bad', { container: { command: ['/no/such/program'] } }),
    'none.json': app('none', { container: { command: undefined, image: 'some/image:1' } }),
  })
  await cluster.ready('shop', 'ok')
  await until(() => cluster.reported.length >= 2, 'sentences')
  const reported = (): string => cluster.reported.join('\n')
  expect(reported()).toMatch(
    /none\.json:1: Deployment shop\/none: container none: image some\/image:1 does not run here/,
  )
  expect(reported()).toMatch(
    /bad\.json:1: Deployment shop\/bad: container bad: the program \/no\/such\/program is not on this machine/,
  )
  cluster.write('ok.json', [{ kind: 'Deployment' }])
  await until(() => reported().includes('ok.json:1: is not a Kubernetes object'), 'the fault of the file')
  expect(cluster.pods('shop', 'ok')).toHaveLength(1)
  expect(cluster.pods('shop', 'ok')[0]?.ready).toBe(true)
})

test('on loopback, an app that listens on all addresses gets a warning', async () => {
  const wild = app('wild', {
    env: { LISTEN: '0.0.0.0' },
    port: 7000,
    container: { readinessProbe: undefined },
  })
  const cluster = await start({ 'ok.json': app('ok'), 'wild.json': wild }, { network: 'loopback' })
  await until(() => cluster.reported.join('\n').includes('listen on all addresses'), 'the warning')
  expect(cluster.reported.join('\n')).toMatch(
    /wild\.json:1: Deployment shop\/wild: .*let it listen only on its own address/,
  )
})

test('an error about a port in use names its user', async () => {
  const cluster = await start({ 'api.json': app('api') }, { publish: publish('api') })
  const again = [
    {
      namespace: 'shop',
      service: 'api',
      servicePort: 7000,
      port: cluster.ports[0] as number,
      owner: '--port',
      remedy: 'choose another',
    },
  ]
  await expect(TestCluster.start({}, { publish: again })).rejects.toThrow(
    `port ${cluster.ports[0]} of 127.0.0.1, which --port needs, is in use by `,
  )
})

test('without hosts files, full names in variables become addresses', async () => {
  const web = app('web', { env: { API: 'http://api.shop.svc.cluster.local:7000' } })
  const cluster = await start({ 'web.json': web, 'api.json': app('api') }, { hosts: false })
  const [pod] = await cluster.ready('shop', 'web')
  const env = await cluster.ask<Record<string, string>>(pod, '/env')
  expect(env['API']).toBe(`http://${env['API_SERVICE_HOST']}:7000`)
})
