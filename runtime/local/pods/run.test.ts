import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { TestCluster } from '../test/harness.ts'
import { configMap, deployment, lines, metadata, said, sh } from '../test/manifests.ts'
import { until } from '../../testing/until.ts'

const started: TestCluster[] = []
async function start(...args: Parameters<typeof TestCluster.start>): Promise<TestCluster> {
  const cluster = await TestCluster.start(...args)
  started.push(cluster)
  return cluster
}
afterEach(async () => {
  await Promise.all(started.splice(0).map((cluster) => cluster.stop()))
})

describe('volumes', () => {
  const volumes = [
    {
      name: 'conf',
      configMap: {
        name: 'settings',
        defaultMode: 0o440,
        items: [
          { key: 'k', path: 'deep/k', mode: 0o750 },
          { key: 'l', path: 'l' },
        ],
      },
    },
    { name: 'work', emptyDir: {} },
    {
      name: 'all',
      projected: {
        defaultMode: 0o400,
        sources: [
          { configMap: { name: 'settings', items: [{ key: 'k', path: 'c' }] } },
          { secret: { name: 'none', optional: true } },
          {
            downwardAPI: {
              items: [
                { path: 'name', fieldRef: { fieldPath: 'metadata.name' } },
                { path: 'cpu', resourceFieldRef: { containerName: 'c', resource: 'limits.cpu' } },
              ],
            },
          },
          { serviceAccountToken: { path: 'token', audience: 'x' } },
        ],
      },
    },
  ]

  test('have the modes, parts and sources that the manifest says, and a change reaches all but parts', async () => {
    const script = [
      'stat -L -c "%a %n" $CONF/deep/k $CONF/l $ALL/token $ALL/c | sed "s,/[^ ]*/,,"',
      'echo "all $(ls $ALL | tr "\\n" " ")"',
      'echo "cpu $(cat $ALL/cpu)"',
      'echo "part $(cat $PART)"',
      'echo x > $WORK/file',
      'until [ "$(cat $CONF/deep/k)" = 2 ]; do sleep 0.05; done',
      'echo "now $(cat $CONF/deep/k) $(cat $PART) $KEY"; sleep 60',
    ].join('; ')
    const container = {
      ...sh(script),
      resources: { limits: { cpu: 2 } },
      env: [
        { name: 'CONF', value: '/branchline-test/conf' },
        { name: 'ALL', value: '/branchline-test/all' },
        { name: 'WORK', value: '/branchline-test/space' },
        { name: 'PART', value: '/branchline-test/part' },
        { name: 'KEY', valueFrom: { configMapKeyRef: { name: 'settings', key: 'k' } } },
      ],
      volumeMounts: [
        { name: 'conf', mountPath: '/branchline-test/conf/' },
        { name: 'all', mountPath: '/branchline-test/all' },
        { name: 'work', mountPath: '/branchline-test/space', subPathExpr: 'of-$(KEY)' },
        { name: 'conf', mountPath: '/branchline-test/part', subPath: 'deep/k' },
      ],
    }
    const cluster = await start({
      'a.json': [deployment({ containers: [container], volumes })],
      'c.json': [configMap({ k: '1', l: '1' })],
    })
    await said(cluster, 'part 1')
    expect(lines(cluster)).toEqual([
      '750 k',
      '440 l',
      '600 token',
      '400 c',
      'all c cpu name token ',
      'cpu 2',
      'part 1',
    ])
    cluster.write('c.json', [configMap({ k: '2', l: '1' })])
    await said(cluster, 'now 2 1 1')
    expect(cluster.reported).toEqual([])
  })

  test('are at their paths where the system allows it, also for programs that take no variable', async () => {
    const container = {
      ...sh(
        'cat /branchline-test/conf/k /etc/branchline-test/k; echo x > /branchline-test/space/f && echo written; sleep 60',
      ),
      volumeMounts: [
        { name: 'conf', mountPath: '/branchline-test/conf' },
        { name: 'conf', mountPath: '/etc/branchline-test/k', subPath: 'k' },
        { name: 'work', mountPath: '/branchline-test/space' },
      ],
    }
    const [, work] = volumes
    const conf = { name: 'conf', configMap: { name: 'settings' } }
    const cluster = await start({
      'a.json': [deployment({ containers: [container], volumes: [conf, work] }), configMap({ k: 'v\n' })],
    })
    await said(cluster, 'written')
    expect(lines(cluster)).toEqual(['v', 'v', 'written'])
    expect([existsSync('/branchline-test'), existsSync('/etc/branchline-test')]).toEqual([false, false])
  })

  test('at a folder of the machine leave a local command alone', async () => {
    const mounts = [{ name: 'work', mountPath: '/tmp' }]
    const annotations = {
      'branchline.dev/local-command': 'cat $FOLDER/mine.txt; echo "tmp $TMP_PATH"; sleep 60',
    }
    const one = deployment({
      containers: [{ name: 'c', volumeMounts: mounts, env: [{ name: 'TMP_PATH', value: '/tmp/x' }] }],
      volumes: [{ name: 'work', emptyDir: {} }],
    }) as { spec: { template: { metadata: object } } }
    const cluster = await start({})
    writeFileSync(join(cluster.folder, 'mine.txt'), 'mine\n')
    Object.assign(one.spec.template.metadata, {
      annotations: {
        ...annotations,
        'branchline.dev/local-command': annotations['branchline.dev/local-command'].replace(
          '$FOLDER',
          cluster.folder,
        ),
      },
    })
    cluster.write('a.json', [one])
    await until(() => lines(cluster).some((line) => line.startsWith('tmp ')), 'its output')
    expect(lines(cluster)[0]).toBe('mine')
    expect(lines(cluster)[1]).toMatch(/^tmp \/.+\/volumes\/work\/x$/)
  })

  test('without their source hold the pod back, with the reason, until it appears', async () => {
    const spec = {
      containers: [sh('echo started; sleep 60')],
      volumes: [{ name: 'v', secret: { secretName: 's' } }],
    }
    const cluster = await start({ 'a.json': [deployment(spec)] })
    await until(() => cluster.reported.length > 0, 'a problem')
    expect(cluster.reported).toEqual([
      'a.json:1: Deployment shop/a: volume v needs Secret s, which does not exist: add it',
    ])
    expect(lines(cluster)).toEqual([])
    cluster.write('s.json', [
      { apiVersion: 'v1', kind: 'Secret', metadata: metadata('s'), stringData: { a: 'b' } },
    ])
    await said(cluster, 'started')
  })

  test('of a claim outlive a pod', async () => {
    const spec = (text: string) => ({
      containers: [
        {
          ...sh(`echo ${text} >> $D/log; echo "has $(tr '\\n' ' ' < $D/log)"; sleep 60`),
          env: [{ name: 'D', value: '/branchline-test' }],
          volumeMounts: [{ name: 'v', mountPath: '/branchline-test' }],
        },
      ],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
    })
    const cluster = await start({ 'a.json': [deployment(spec('one'))] })
    await said(cluster, 'has one ')
    cluster.write('a.json', [deployment(spec('two'))])
    await said(cluster, 'has one two ')
    expect(cluster.reported).toEqual([])
  })
})

test('HOSTNAME is the name of the pod, or the one that its template gives, like in a container', async () => {
  const cluster = await start({
    'a.json': [deployment({ containers: [sh('echo "host $HOSTNAME"; sleep 60')] })],
  })
  const [pod] = await cluster.ready('shop', 'a')
  await said(cluster, `host ${pod?.name}`)
  cluster.write('a.json', [
    deployment({ hostname: 'db', containers: [sh('echo "host $HOSTNAME"; sleep 60')] }),
  ])
  await said(cluster, 'host db')
  expect(cluster.reported).toEqual([expect.stringContaining('hostname only sets the variable HOSTNAME')])
})

describe('an overlay', () => {
  test('gives a container its command, folder and variables, and a change of it applies at once', async () => {
    const cluster = await start({
      'a.json': [deployment({ containers: [{ name: 'c', image: 'acme/api:1', args: ['-v'] }] })],
    })
    await until(() => cluster.reported.length > 0, 'a problem')
    expect(cluster.reported[0]).toBe(
      'a.json:1: Deployment shop/a: container c: image acme/api:1 does not run here, only commands do: add this line to ' +
        'branchline.local.yaml, with the command and the folder in which it runs: a: { command: "./c -v", dir: "." }',
    )
    mkdirSync(join(cluster.folder, 'src'))
    const overlay = join(cluster.folder, 'branchline.local.yaml')
    writeFileSync(overlay, 'a: { command: "echo \\"$X in ${PWD##*/}\\"; sleep 60", dir: src, env: { X: 1 } }')
    await said(cluster, '1 in src')
    writeFileSync(overlay, 'a: { command: "echo \\"$X in ${PWD##*/}\\"; sleep 60", dir: src, env: { X: 2 } }')
    await said(cluster, '2 in src')
    const problem = (text: RegExp) =>
      until(
        () => cluster.reported.some((line) => text.test(line)),
        () => cluster.reported.join('\n'),
      )
    writeFileSync(overlay, 'a: { comand: x }')
    await problem(/^branchline\.local\.yaml:1: a\.comand is not a known field: did you mean command/)
    writeFileSync(overlay, 'other: { dir: . }')
    await problem(/^branchline\.local\.yaml:1: other is not a workload of these manifests: there are a$/)
  })

  test('with a program that is not on this machine is a problem that names it', async () => {
    const cluster = await start({ 'a.json': [deployment({ containers: [{ name: 'c' }] })] })
    writeFileSync(join(cluster.folder, 'branchline.local.yaml'), 'a: { command: [no-such-program, x] }')
    await until(() => cluster.reported.some((line) => line.includes('no-such-program')), 'a problem')
    expect(cluster.reported.find((line) => line.includes('no-such-program'))).toContain(
      'container c: the program no-such-program is not on this machine: install it, or correct the command in branchline.local.yaml',
    )
  })

  test('with a folder that does not exist is a problem that names it', async () => {
    const cluster = await start({ 'a.json': [deployment({ containers: [{ name: 'c' }] })] })
    writeFileSync(join(cluster.folder, 'branchline.local.yaml'), 'a: { command: "true", dir: nowhere }')
    await until(() => cluster.reported.some((line) => line.includes('its folder')), 'a problem')
    expect(cluster.reported.find((line) => line.includes('its folder'))).toContain(
      `container c: its folder ${join(cluster.folder, 'nowhere')} does not exist: correct dir in branchline.local.yaml`,
    )
  })
})

test('files of volumes, their parts and output are closed to other users of the machine, and no list names pods', async () => {
  const volumeMounts = [{ name: 'v', mountPath: '/branchline-test/k', subPath: 'k' }]
  const containers = [{ ...sh('sleep 60'), volumeMounts }]
  const spec = { containers, volumes: [{ name: 'v', configMap: { name: 'settings' } }] }
  const cluster = await start({ 'a.json': [deployment(spec), configMap({ k: 'v' })] })
  const [pod] = await cluster.ready('shop', 'a')
  const pods = join(cluster.cluster.runFolder, 'pods')
  const folder = join(pods, `shop_${pod?.name}`)
  const modeOf = (path: string): number => statSync(path).mode & 0o777
  expect(modeOf(pods)).toBe(process.getuid?.() === 0 ? 0o711 : 0o700)
  const closed = ['volumes', 'parts', 'logs', 'tmp']
  expect(closed.map((name) => modeOf(join(folder, name)))).toEqual(closed.map(() => 0o700))
  expect(readFileSync(join(folder, 'volumes', 'v', 'k'), 'utf8')).toBe('v')
})

test('autoscalers are noted in one sentence', async () => {
  const scaler = (name: string): object => ({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: metadata(name),
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name }, maxReplicas: 3 },
  })
  const cluster = await start({ 'a.json': ['a', 'b', 'c'].map(scaler) })
  expect(cluster.reported).toEqual([
    'a.json:1: HorizontalPodAutoscaler shop/a: has no effect: spec.replicas of the workload applies (and 2 more)',
  ])
})

test('a container of an official image that writes files does not write them to the folder of the app', async () => {
  const annotations = { 'branchline.dev/local-command': 'sleep 60', 'branchline.dev/local-dir': '.' }
  const cache = {
    name: 'cache',
    image: 'redis',
    command: ['sh', '-c', 'echo x > dump.rdb; echo written; sleep 60'],
  }
  const one = deployment({ containers: [{ name: 'app' }, cache] }) as {
    spec: { template: { metadata: object } }
  }
  Object.assign(one.spec.template.metadata, { annotations })
  const cluster = await start({ 'a.json': [one] })
  await said(cluster, 'written')
  expect(existsSync(join(cluster.folder, 'dump.rdb'))).toBe(false)
})
