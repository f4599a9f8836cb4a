import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { until } from '../../../testing/until.ts'
import { mayEnter } from '../../pods/sandbox.ts'
import { PROXY } from './addresses.ts'
import { DOORS } from './messages.ts'
import { NamespacesNetwork } from './namespaces.ts'
import { app, TestCluster } from '../../test/harness.ts'

const METHOD = { network: 'namespaces' } as const
const possible = await TestCluster.start({}, METHOD).then(
  (cluster) => cluster.stop().then(() => true),
  () => false,
)
const has = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0

const started: TestCluster[] = []
async function start(
  files: Parameters<typeof TestCluster.start>[0],
  options: Parameters<typeof TestCluster.start>[1] = {},
): Promise<TestCluster> {
  const cluster = await TestCluster.start(files, { ...METHOD, ...options })
  started.push(cluster)
  return cluster
}
afterEach(async () => {
  await Promise.all(started.splice(0).map((cluster) => cluster.stop()))
})

interface Hello {
  readonly version: string
}
const call = (url: string): string => `/call?url=${encodeURIComponent(url)}`
const isNobodyPossible =
  process.getuid?.() === 0 && mayEnter({ uid: 65_534, gid: 65_534 }, import.meta.dirname)

describe.skipIf(!possible)('network namespaces', () => {
  test('two pods listen on all addresses at port 80, and their Services have port 80', async () => {
    const at80 = (name: string) =>
      app(name, {
        env: { LISTEN: '0.0.0.0', VERSION: name },
        port: 80,
        service: { ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
      })
    const cluster = await start({ 'one.json': at80('one'), 'two.json': at80('two') })
    const [[one], [two]] = await Promise.all([cluster.ready('shop', 'one'), cluster.ready('shop', 'two')])
    const ask = async (ip: string | undefined, url: string): Promise<Hello> =>
      JSON.parse(await cluster.get(ip, 80, call(url))) as Hello
    expect(await ask(one?.ip, 'http://two')).toMatchObject({ version: 'two' })
    expect(await ask(two?.ip, 'http://one.shop.svc.cluster.local')).toMatchObject({ version: 'one' })
    expect(await ask(two?.ip, `http://${one?.ip}`)).toMatchObject({ version: 'one' })
    expect(await ask(two?.ip, 'http://127.0.0.1')).toMatchObject({ version: 'two' })
    expect(cluster.reported).toEqual([])
  })

  test.each(['127.0.0.1', '::1', '::'])(
    'an app that listens on %s is ready without a probe',
    async (host) => {
      const container = { readinessProbe: undefined }
      const cluster = await start({ 'a.json': app('a', { env: { LISTEN: host }, container }) })
      const [pod] = await cluster.ready('shop', 'a')
      const script = join(cluster.cluster.runFolder, 'pods', `shop_${pod?.name}`, 'enter')
      const inside = `fetch('http://localhost:8080').then((answer) => answer.text()).then(console.log)`
      const { stdout } = spawnSync('sh', [script, process.execPath, '-e', inside], { encoding: 'utf8' })
      expect(JSON.parse(stdout)).toMatchObject({ version: '1' })
    },
  )

  test.skipIf(!has('python3', '--version'))('a server of Python runs as in its container', async () => {
    const files = mkdtempSync(join(tmpdir(), 'branchline-python-'))
    onTestFinished(() => rmSync(files, { recursive: true }))
    writeFileSync(join(files, 'hello'), 'from Python')
    const container = {
      command: ['python3', '-m', 'http.server', '8000', '--directory', files],
      ports: [{ name: 'http', containerPort: 8000 }],
      readinessProbe: undefined,
    }
    const service = { ports: [{ port: 80, targetPort: 8000 }] }
    const cluster = await start({ 'py.json': app('py', { container, service }), 'a.json': app('a') })
    const [[pod]] = await Promise.all([cluster.ready('shop', 'a'), cluster.ready('shop', 'py')])
    expect(await cluster.get(pod?.ip, 8080, call('http://py/hello'))).toBe('from Python')
  })

  test.skipIf(!has('go', 'version'))('a static Go program finds names by DNS', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'branchline-go-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const source = `package main
import ("fmt"; "net"; "os"; "time")
func main() {
	for {
		found, err := net.LookupHost(os.Args[1])
		_, ports, failed := net.LookupSRV("http", "tcp", os.Args[1] + ".shop.svc.cluster.local")
		if err == nil && failed == nil { fmt.Println("found", found[0], ports[0].Port) } else { fmt.Println(err, failed) }
		time.Sleep(100 * time.Millisecond)
	}
}
`
    writeFileSync(join(folder, 'main.go'), source)
    const env = { ...process.env, CGO_ENABLED: '0', GO111MODULE: 'off' }
    const built = spawnSync('go', ['build', '-o', 'lookup', 'main.go'], {
      cwd: folder,
      env,
      encoding: 'utf8',
    })
    expect(built).toMatchObject({ status: 0 })
    const container = { command: [join(folder, 'lookup'), 'api'], ports: [], readinessProbe: undefined }
    const cluster = await start({ 'go.json': app('go', { container }), 'api.json': app('api') })
    const [pod] = await cluster.ready('shop', 'go')
    const lines = (): string =>
      cluster.cluster
        .logs('shop', pod?.name ?? '')
        .map((line) => line.text)
        .join('\n')
    await until(() => /^found 10\.96\.\d+\.\d+ 7000$/m.test(lines()), lines)
  })

  test('declared hosts and ExternalName Services lead out; other names are reported, with the remedy', async () => {
    const server = createServer((_request, response) => response.end('from outside')).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const out = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'out', namespace: 'shop' },
      spec: { type: 'ExternalName', externalName: 'host.docker.internal', ports: [{ port }] },
    }
    const files = { 'a.json': app('a'), 'out.json': [out] }
    const cluster = await start(files, { egress: [{ host: 'host.docker.internal', ports: [port] }] })
    const [pod] = await cluster.ready('shop', 'a')
    const get = (url: string): Promise<string> => cluster.get(pod?.ip, 8080, call(url))
    expect(await get(`http://host.docker.internal:${port}/`)).toBe('from outside')
    await until(
      async () => (await get(`http://out:${port}/`).catch(() => '')) === 'from outside',
      'the alias',
    )
    const { code } = JSON.parse(await cluster.get(pod?.ip, 8080, '/lookup?name=api.example.com')) as {
      code: string
    }
    expect(code).toBe('ENOTFOUND')
    const warning = /a\.json:1: .* it asked for api\.example\.com, .*--egress api\.example\.com:PORT/
    await until(() => cluster.reported.some((line) => warning.test(line)), 'the warning')
    expect(cluster.reported.filter((line) => line.includes('it asked for'))).toHaveLength(1)
  })

  test('the proxy leads out, and to Services; loopback is not outside', async () => {
    const server = createServer((_request, response) => response.end('from outside')).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    // All calls use the proxy.
    const env = { NODE_USE_ENV_PROXY: '1', NO_PROXY: '', no_proxy: '' }
    const cluster = await start({
      'a.json': app('a', { env }),
      'api.json': app('api', { env: { VERSION: 'api' } }),
    })
    const [[pod]] = await Promise.all([cluster.ready('shop', 'a'), cluster.ready('shop', 'api')])
    const get = (url: string): Promise<string> => cluster.get(pod?.ip, 8080, call(url))
    expect(await get(`http://host.docker.internal:${port}/`)).toBe('from outside')
    expect(JSON.parse(await get('http://api:7000/'))).toMatchObject({ version: 'api' })
    const from = JSON.parse(await get('http://api:7000/from')) as { from: string }
    expect(from.from.replace('10.245.', '10.244.')).toBe(pod?.ip)
    // curl sends these spellings as they are. URLs of Node.js would be normal already.
    const viaConnect = (host: string): Promise<string> => connectFrom(cluster, pod?.name, host, port)
    expect(await viaConnect('host.docker.internal')).toMatch(/^HTTP\/1\.1 200 /)
    for (const host of ['127.0.0.1', '127.1', '0', '0x7f.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]'])
      expect(await viaConnect(host)).toMatch(/^HTTP\/1\.1 502 .*is not outside: call it without a proxy/s)
  })

  test('the end of its process quotes the last lines that it wrote', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'branchline-node-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    // The process cannot listen there.
    mkdirSync(join(folder, DOORS.in))
    const lost = Promise.withResolvers<string>()
    const network = await NamespacesNetwork.open({
      folder,
      env: {},
      egress: [],
      onProcess: () => undefined,
      onUnknownName: () => undefined,
      onLost: lost.resolve,
    })
    expect(await lost.promise).toMatch(
      /^the process of the network ended \(1\): Error: listen EADDRINUSE.*pods\.sock$/,
    )
    await network.close()
  })

  test('a removed pod refuses connections at once, and its address is not reused', async () => {
    const cluster = await start({ 'a.json': app('a'), 'b.json': app('b') })
    const [[a], [b]] = await Promise.all([cluster.ready('shop', 'a'), cluster.ready('shop', 'b')])
    cluster.remove('b.json')
    await until(() => cluster.pods('shop', 'b').length === 0, 'its end')
    await expect(cluster.get(b?.ip, 8080)).rejects.toThrow('ECONNREFUSED')
    cluster.write('b.json', app('b'))
    const [again] = await cluster.ready('shop', 'b')
    expect([a?.ip, b?.ip]).not.toContain(again?.ip)
  })

  test('two runs at once do not meet', async () => {
    const [one, two] = await Promise.all([
      start({ 'a.json': app('a', { env: { VERSION: 'one' } }) }),
      start({ 'a.json': app('a', { env: { VERSION: 'two' } }) }),
    ])
    const [[first], [second]] = await Promise.all([one.ready('shop', 'a'), two.ready('shop', 'a')])
    expect(first?.ip).toBe(second?.ip)
    expect(await one.ask(first)).toMatchObject({ version: 'one' })
    expect(await two.ask(second)).toMatchObject({ version: 'two' })
  })

  test.skipIf(!isNobodyPossible)('an ordinary user needs no rights, and a kill leaves nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'branchline-nobody-'))
    chmodSync(folder, 0o777)
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const at80 = (name: string) => app(name, { env: { LISTEN: '0.0.0.0', VERSION: name }, port: 80 })
    const manifests = [...at80('one'), ...at80('two')].map((object) => JSON.stringify(object)).join('\n---\n')
    writeFileSync(join(folder, 'apps.yaml'), manifests)
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--']
    const orphan = join(import.meta.dirname, '../../test/orphan.ts')
    const env = { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder }
    const child = spawn('setpriv', [...nobody, process.execPath, orphan, folder], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const { ip, runFolder } = JSON.parse(String(line)) as { ip: string; runFolder: string }
    expect(ip).toMatch(/^10\.244\./)
    expect(await askAt(join(runFolder, 'pods.sock'), 'one.shop.svc.cluster.local:7000')).toMatchObject({
      version: 'one',
    })
    expect(ownersOf(runFolder)).toContain(65_534)
    child.kill('SIGKILL')
    await until(() => ownersOf(runFolder).length === 0, 'the end of all processes')
    await until(
      () => !readdirSync(folder).some((name) => name.startsWith('branchline-run')),
      'the end of the folder',
    )
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(runFolder)
  })
})

/** The first bytes that the proxy answers to a CONNECT of a pod. */
async function connectFrom(cluster: TestCluster, pod: string | undefined, host: string, port: number) {
  const script = join(cluster.cluster.runFolder, 'pods', `shop_${pod}`, 'enter')
  const inside = `
const socket = require('node:net').connect(${PROXY.port}, '${PROXY.host}')
socket.once('data', (bytes) => { console.log(String(bytes)); process.exit() })
socket.write('CONNECT ${host}:${port} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')`
  const child = spawn('sh', [script, process.execPath, '-e', inside], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return text(child.stdout)
}

/** Calls a Service through the socket of the pods' network, like `curl --unix-socket`. */
function askAt(socketPath: string, host: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, headers: { host } }, (response) => {
      text(response).then((body) => resolve(JSON.parse(body)), reject)
    })
    sent.once('error', reject).end()
  })
}

/** The users of the processes whose command line or environment names a folder. */
function ownersOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const about =
          readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8')
        if (!about.includes(folder)) return []
        return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
      } catch {
        return []
      }
    })
}
