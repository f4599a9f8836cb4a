import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { app, TestCluster } from '../test/harness.ts'
import { until } from '../../testing/until.ts'

let folder: string
const started: TestCluster[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'branchline-hooks-'))
})
afterEach(async () => {
  await Promise.all(started.splice(0).map((cluster) => cluster.stop()))
  rmSync(folder, { recursive: true })
})

async function start(...args: Parameters<typeof TestCluster.start>): Promise<TestCluster> {
  const cluster = await TestCluster.start(...args)
  started.push(cluster)
  return cluster
}

test('preStop runs in the container before SIGTERM, which waits for its end', async () => {
  const output = join(folder, 'output')
  const preStop = ['sh', '-c', `echo "hook $MARK" >> ${output}; sleep 0.3; echo done >> ${output}`]
  const command = ['sh', '-c', `trap 'echo term >> ${output}; exit 0' TERM; while true; do sleep 0.05; done`]
  const container = {
    command,
    ports: [],
    readinessProbe: undefined,
    lifecycle: { preStop: { exec: { command: preStop } } },
  }
  const cluster = await start({ 'a.json': app('a', { container, env: { MARK: 'm' } }) })
  await cluster.ready('shop', 'a')
  cluster.remove('a.json')
  await until(() => cluster.pods('shop', 'a').length === 0, 'its end')
  expect(readFileSync(output, 'utf8')).toBe('hook m\ndone\nterm\n')
})

test('hooks of sidecars run together with those of the apps, and sidecars still end after the apps', async () => {
  const output = join(folder, 'output')
  const sleeper = (name: string) => [
    'sh',
    '-c',
    `trap 'echo term ${name} >> ${output}; exit 0' TERM; while true; do sleep 0.05; done`,
  ]
  const hook = (script: string) => ({ preStop: { exec: { command: ['sh', '-c', script] } } })
  // The app's hook waits for the sidecar's. If they ran one after the other, it would wait until it is killed.
  const container = {
    ports: [],
    readinessProbe: undefined,
    command: sleeper('app'),
    lifecycle: hook(`until test -s ${output}; do sleep 0.05; done; echo hook app >> ${output}`),
  }
  const sidecar = {
    name: 'proxy',
    restartPolicy: 'Always',
    command: sleeper('proxy'),
    lifecycle: hook(`echo hook proxy >> ${output}`),
  }
  const cluster = await start({ 'a.json': app('a', { container, pod: { initContainers: [sidecar] } }) })
  await cluster.ready('shop', 'a')
  cluster.remove('a.json')
  await until(() => cluster.pods('shop', 'a').length === 0, 'its end')
  expect(readFileSync(output, 'utf8')).toBe('hook proxy\nhook app\nterm app\nterm proxy\n')
})

test('a hook that cannot run does not delay its pod', async () => {
  const lifecycle = { preStop: { exec: { command: ['/nonexistent/hook'] } } }
  const cluster = await start({ 'a.json': app('a', { container: { lifecycle } }) })
  await cluster.ready('shop', 'a')
  cluster.remove('a.json')
  await until(() => cluster.pods('shop', 'a').length === 0, 'its end')
  expect(cluster.cluster.problems()).toEqual([])
})

test('exec probes: ready when the command succeeds, not ready when it fails, killed when it hangs', async () => {
  const file = join(folder, 'ready')
  const readinessProbe = {
    exec: { command: ['sh', '-c', `test -e ${file} || exec sleep 30`] },
    periodSeconds: 1,
    timeoutSeconds: 1,
    failureThreshold: 1,
  }
  const cluster = await start({ 'a.json': app('a', { container: { readinessProbe } }) })
  await until(
    () => cluster.reported.some((line) => /is not ready: sh ended by SIGKILL/.test(line)),
    'the sentence',
  )
  expect(cluster.pods('shop', 'a')[0]?.ready).toBe(false)
  writeFileSync(file, '')
  await cluster.ready('shop', 'a')
  rmSync(file)
  await until(() => cluster.pods('shop', 'a')[0]?.ready === false, 'its failure')
})

test.skipIf(process.getuid?.() !== 0)(
  'as root, runAsUser applies if that user may enter the folders',
  async () => {
    const container = {
      command: ['sh', '-c', 'id -u > /out/id; touch "$HOME/mine"; exec sleep 1000'],
      ports: [],
      readinessProbe: undefined,
      securityContext: { runAsUser: 65_534 },
      volumeMounts: [{ name: 'out', mountPath: '/out' }],
    }
    const pod = { volumes: [{ name: 'out', emptyDir: {} }] }
    const cluster = await start({
      'open.json': app('open', { container: { ...container, workingDir: '/' }, pod }),
      // Only the caller may enter the folder of the manifests.
      'closed.json': app('closed', { container, pod }),
    })
    const idIn = async (name: string): Promise<string> => {
      const [found] = await cluster.ready('shop', name)
      const file = join(cluster.cluster.runFolder, 'pods', `shop_${found?.name}`, 'volumes/out/id')
      await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '', 'its user')
      return readFileSync(file, 'utf8').trim()
    }
    expect(await idIn('open')).toBe('65534')
    expect(await idIn('closed')).toBe('0')
    expect(cluster.reported).toEqual([
      expect.stringMatching(
        /closed\.json:1: .*container closed runs as root: it requests user 65534, which may not enter /,
      ),
    ])
  },
)

test('on loopback, two runs at once have different addresses', async () => {
  const manifests = { 'a.json': app('a') }
  const [one, two] = await Promise.all([
    start(manifests, { network: 'loopback' }),
    start(manifests, { network: 'loopback' }),
  ])
  const [[first], [second]] = await Promise.all([one.ready('shop', 'a'), two.ready('shop', 'a')])
  const blockOf = (ip: string | undefined): string | undefined => ip?.split('.')[1]
  expect(blockOf(first?.ip)).not.toBe(blockOf(second?.ip))
  await one.stop()
  expect((await two.ready('shop', 'a'))[0]?.ip).toBe(second?.ip)
  expect(await (await fetch(`http://${second?.ip}:8080/`)).json()).toMatchObject({ version: '1' })
})
