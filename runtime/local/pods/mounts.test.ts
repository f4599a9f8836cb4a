import { describe, expect, test } from 'vitest'
import { divideMounts, type Machine, type Mount, mountSteps } from './mounts.ts'
import { onMachine, place } from './placement.ts'

const mount = (target: string, source = `/run/v${target.replaceAll('/', '-')}`): Mount => ({
  source,
  target,
  readOnly: false,
})
const machine = (paths: readonly string[], entries = 1): Machine => ({
  exists: (path) => path === '/' || paths.some((one) => one === path || one.startsWith(`${path}/`)),
  isFolder: (path) => !path.endsWith('.yaml'),
  entries: () => entries,
})
const steps = (targets: readonly Mount[], on: Machine): string[] =>
  mountSteps(targets, on).map((step) =>
    step.type === 'bind'
      ? `bind ${step.target}`
      : `${step.type} ${step.path}${step.type === 'cover' ? ` ${step.by}` : ''}`,
  )

describe('a mount point', () => {
  test('that exists is mounted on', () => {
    expect(steps([mount('/srv')], machine(['/srv/x']))).toEqual(['bind /srv'])
  })

  test('that is missing is added to a cover of the nearest folder, once', () => {
    expect(steps([mount('/etc/b/c'), mount('/etc/a')], machine(['/etc/hosts']))).toEqual([
      'cover /etc bind',
      'folder /etc/a',
      'bind /etc/a',
      'folder /etc/b/c',
      'bind /etc/b/c',
    ])
  })

  test('of a file is a file, and a large folder is covered by links', () => {
    expect(steps([mount('/etc/a.yaml', '/run/a.yaml')], machine(['/etc/hosts'], 500))).toEqual([
      'cover /etc link',
      'file /etc/a.yaml',
      'bind /etc/a.yaml',
    ])
  })

  test('within another volume is made there', () => {
    expect(steps([mount('/data/sub'), mount('/data')], machine(['/data/x'], 500))).toEqual([
      'bind /data',
      'folder /data/sub',
      'bind /data/sub',
    ])
  })

  test('at the top needs a new root, whose folders are always mounts', () => {
    expect(steps([mount('/data')], machine([], 500))).toEqual(['cover / bind', 'folder /data', 'bind /data'])
  })
})

test('a mount that would hide what the command needs is replaced, with those within', () => {
  const mounts = ['/app', '/app/conf', '/data', '/apps'].map((target) => mount(target))
  const { mounted, replaced } = divideMounts(mounts, ['/app/server/main.js'])
  expect(mounted.map(({ target }) => target)).toEqual(['/data', '/apps'])
  expect(replaced.map(({ target }) => target)).toEqual(['/app', '/app/conf'])
})

describe('the paths of volumes that are not mounted', () => {
  const unplaced = {
    local: undefined,
    variables: { DATA: '/data/db', CONF: '/app/conf', PATHS: '/tmp:/tmp/x' },
    mounts: [mount('/data'), mount('/app'), mount('/tmp')],
    canMount: false,
    cwd: '/home/me/api',
    machine: { PATH: '/usr/bin', HOME: '/home/me' },
    needed: ['/tmp/run'],
  }
  const exists = (path: string): boolean => ['/app', '/tmp', '/app/main.py'].includes(path)

  test('are replaced in variables and in the command of the container', () => {
    const { variables, rewrite, mounted } = place(unplaced, exists)
    expect(mounted).toEqual([])
    expect(variables).toEqual({
      DATA: '/run/v-data/db',
      CONF: '/run/v-app/conf',
      PATHS: '/run/v-tmp:/run/v-tmp/x',
    })
    expect(rewrite('/app/run --data=/data')).toBe('/run/v-app/run --data=/run/v-data')
  })

  test('stay in a command for this machine if the machine has them', () => {
    const { rewriteLocal } = place({ ...unplaced, local: 'python /app/main.py' }, exists)
    expect(rewriteLocal('python /app/main.py --log /tmp/log --data /data')).toBe(
      'python /app/main.py --log /tmp/log --data /run/v-data',
    )
  })

  test('are few where mounts are possible: only what the command needs stays', () => {
    const targets = (local: string | undefined): string[] =>
      place({ ...unplaced, local, canMount: true }, exists).mounted.map(({ target }) => target)
    expect(targets('python main.py')).toEqual(['/data', '/app'])
    expect(targets('python /app/main.py')).toEqual(['/data'])
    expect(targets(undefined)).toEqual(['/data', '/app'])
  })
})

test('a path in a container is found in the innermost volume', () => {
  const mounts = [mount('/data', '/v/a'), mount('/data/sub', '/v/b')]
  expect(['/data/x', '/data/sub/x', '/data', '/database'].map((path) => onMachine(path, mounts))).toEqual([
    '/v/a/x',
    '/v/b/x',
    '/v/a',
    '/database',
  ])
})
