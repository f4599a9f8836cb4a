import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'
import { isNewEnough } from '../cli/bin/node-version.js'

/** The folders that each folder may import, apart from itself. A folder that is not listed fails the test. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'runtime/wire': [],
  // Bytes: sockets, pipes, and the interface of a transport.
  'runtime/transport': [],
  // The HTML of all pages.
  'runtime/page': [],
  // Shared by both HTTP engines: decisions, heads, errors, clocks.
  'runtime/proxy': ['runtime/transport', 'runtime/page'],
  'runtime/http1': ['runtime/transport', 'runtime/proxy'],
  // Programs in other languages, for tests.
  'runtime/peers': [],
  // For tests: every folder's tests may import it, and nothing else may.
  'runtime/testing': [],
  'runtime/http2': ['runtime/transport', 'runtime/proxy'],
  // HTTP/2 requests for apps that speak HTTP/1.1.
  'runtime/translate': ['runtime/transport', 'runtime/proxy', 'runtime/http1', 'runtime/http2'],
  'runtime/process': ['runtime/wire'],
  // The certificate authority of a laptop.
  'runtime/authority': [],
  'runtime/tunnel': ['runtime/wire', 'runtime/transport', 'runtime/process'],
  'runtime/kubernetes': ['runtime/wire', 'runtime/process'],
  // One table for many connections: snapshots, deltas, epochs, acknowledgements.
  'runtime/pushed': ['runtime/process'],
  // A client of etcd. It knows nothing of what the keys mean.
  'runtime/etcd': ['runtime/process'],
  // Finds services that lose keys: what sidecars count, and what the manager concludes.
  'runtime/propagation': ['runtime/wire'],
  // What visitors may send: one key, by the host.
  'runtime/visitor': ['runtime/wire', 'runtime/proxy'],
  // Spans of requests, for sidecar and relay.
  'runtime/telemetry': ['runtime/wire', 'runtime/process'],
  'runtime/sidecar': [
    'runtime/wire',
    'runtime/telemetry',
    'runtime/visitor',
    'runtime/transport',
    'runtime/proxy',
    'runtime/http1',
    'runtime/http2',
    'runtime/process',
    'runtime/pushed',
    'runtime/propagation',
  ],
  'runtime/manager': [
    'runtime/wire',
    'runtime/transport',
    'runtime/tunnel',
    'runtime/kubernetes',
    'runtime/process',
    'runtime/pushed',
    'runtime/propagation',
  ],
  'runtime/relay': [
    'runtime/wire',
    'runtime/telemetry',
    'runtime/visitor',
    'runtime/transport',
    'runtime/page',
    'runtime/proxy',
    'runtime/http1',
    'runtime/http2',
    'runtime/translate',
    'runtime/tunnel',
    'runtime/process',
    'runtime/pushed',
    'runtime/etcd',
    'runtime/authority',
    'runtime/peers',
  ],
  'runtime/local': ['runtime/wire', 'runtime/process'],
  cdk8s: ['runtime/wire'],
  // `circuit forward` carries local connections as streams of a tunnel. `relay` runs the relay in its own process.
  cli: [
    'runtime/relay',
    'runtime/wire',
    'runtime/transport',
    'runtime/tunnel',
    'runtime/page',
    'runtime/authority',
    'runtime/local',
    'runtime/process',
    'runtime/kubernetes',
    'cdk8s',
  ],
  gitops: ['cdk8s', 'runtime/wire'],
  kind: [],
  scripts: [
    'runtime/wire',
    'runtime/transport',
    'runtime/http1',
    'runtime/local',
    'runtime/manager',
    'runtime/process',
    'runtime/relay',
    'runtime/sidecar',
    'cli',
    'cdk8s',
    'gitops',
    'test-e2e',
  ],
  'test-e2e': [
    'runtime/wire',
    'runtime/transport',
    'runtime/proxy',
    'runtime/http1',
    'runtime/process',
    'cli',
    'cdk8s',
    'gitops',
  ],
}
const PACKAGES: Record<string, string> = {
  '@branchline/wire': 'runtime/wire',
  '@branchline/runtime': 'runtime',
  '@branchline/cdk8s': 'cdk8s',
  '@branchline/gitops': 'gitops',
  '@branchline/test-e2e': 'test-e2e',
  branchline: 'cli',
}
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"\n]+)['"]/g

const files = globSync('{runtime,cdk8s,cli,gitops,kind,scripts,test-e2e}/**/*.{ts,js}', {
  exclude: (name) => name === 'node_modules' || name === 'dist',
}).filter((file) => !file.includes('node_modules/'))

const roomOf = (file: string): string =>
  file.startsWith('runtime/') ? file.split('/', 2).join('/') : (file.split('/', 1)[0] as string)

function targetOf(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return normalize(join(dirname(file), specifier))
  const name = Object.keys(PACKAGES).find((name) => specifier === name || specifier.startsWith(`${name}/`))
  return name === undefined ? undefined : PACKAGES[name] + specifier.slice(name.length)
}

/** Tests, and what only they load. */
const TEST_CODE =
  /\.test\.ts$|[/.-]fixtures?[/.-]|\/(?:campaign|test|testing)\/|^(?:test-e2e|scripts\/bench)\//

/** Rooms that any test may import, and nothing else. */
const TEST_ROOMS = new Set(['runtime/testing', 'runtime/peers'])

const mayImport = (file: string, room: string, other: string): boolean =>
  TEST_ROOMS.has(other) ? TEST_CODE.test(file) : MAY_IMPORT[room]?.includes(other) === true

test('dependencies point in one direction', () => {
  const wrong: string[] = []
  for (const file of files) {
    const room = roomOf(file)
    if (MAY_IMPORT[room] === undefined) wrong.push(`${file}: ${room} is not in the list of rooms`)
    for (const [, specifier] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const target = targetOf(file, specifier as string)
      if (target === undefined) continue
      const other = roomOf(target)
      if (other !== room && !mayImport(file, room, other)) wrong.push(`${file} imports ${target}`)
    }
  }
  expect(files.length).toBeGreaterThan(10)
  expect(wrong).toEqual([])
})

test('every folder of the product has a README', () => {
  const missing = Object.keys(MAY_IMPORT)
    .filter((room) => files.some((file) => roomOf(file) === room))
    .filter((room) => globSync(`${room}/README.md`).length === 0)
  expect(missing).toEqual([])
})

interface LockedPackage {
  readonly version?: string
  readonly link?: boolean
  readonly inBundle?: boolean
  readonly integrity?: string
  readonly resolved?: string
}

test('the lock file has a hash of each package, and names no registry', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, LockedPackage>
  }
  const fetched = Object.entries(packages).filter(
    ([path, { link, inBundle }]) => path.includes('node_modules/') && link !== true && inBundle !== true,
  )
  expect(fetched.length).toBeGreaterThan(100)
  const unchecked = fetched.filter(([, { integrity }]) => integrity?.startsWith('sha512-') !== true)
  expect(unchecked.map(([path]) => path)).toEqual([])
  const addressed = Object.entries(packages).filter(([, { resolved }]) => resolved?.includes('://') === true)
  expect(addressed.map(([path]) => path)).toEqual([])
})

test('npm installs the same, new enough version of Node on all machines', () => {
  const { optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    optionalDependencies: Record<string, string>
  }
  const versions = Object.entries(optionalDependencies).flatMap(([name, version]) =>
    name.startsWith('node-') ? version : [],
  )
  expect(new Set(versions).size).toBe(1)
  expect(versions.every((version) => isNewEnough(version))).toBe(true)
  expect(isNewEnough('24.6.0')).toBe(false)
  expect(isNewEnough('22.20.0')).toBe(false)
  expect(isNewEnough('26.0.0')).toBe(true)
})
