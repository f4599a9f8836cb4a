import { ApiObject, App, Chart, Cron, JsonPatch } from 'cdk8s'
import { Cpu, CronJob, Deployment, EnvValue, Job, Service, StatefulSet } from 'cdk8s-plus-28'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Environment, Override, Preview, Workload } from './index.ts'
import { injectedTemplateOf, podTemplateOf, serviceSpecOf } from './inject/manifest.ts'
import { againstRestricted, whyInvalid } from './kubernetes.fixture.ts'
import { app, deployment, faultsOf, find, objects, outline, shop, sidecars } from './plus.fixture.ts'

/** Environments with objects of the real cdk8s-plus-28. */

describe('objects of cdk8s-plus in an environment', () => {
  test('get their sidecars at synth without a call, in every way to synthesise', () => {
    const { baseline, root } = shop()
    expect(sidecars(find(baseline, 'Deployment', 'web'))).toEqual(['branchline-sidecar'])
    expect(serviceSpecOf(find(baseline, 'Service', 'web'))?.ports?.[0]?.targetPort).not.toBe(8080)
    expect(root.synthYaml().match(/name: branchline-sidecar/g)).toHaveLength(2)
    expect(baseline.injectSidecars()).toEqual([])
    // A second synthesis is the same.
    expect(objects(baseline)).toEqual(objects(baseline))
    expect(root.synthYaml()).toBe(root.synthYaml())
  })
  test('are written to files with their sidecars', () => {
    const outdir = mkdtempSync(join(tmpdir(), 'branchline-synth-'))
    try {
      const root = new App({ outdir })
      const baseline = new Environment(root, 'baseline', { type: 'shared' })
      deployment(baseline, 'web').exposeViaService({ name: 'web' })
      root.synth()
      expect(readdirSync(outdir)).toEqual(['baseline.k8s.yaml'])
      expect(readFileSync(join(outdir, 'baseline.k8s.yaml'), 'utf8')).toContain('branchline-sidecar')
    } finally {
      rmSync(outdir, { recursive: true })
    }
  })
  test('are named after their path in the environment, so that a branch has the same names', () => {
    const { alice, baseline } = shop()
    deployment(alice, 'pricing', 'shop/pricing:pr-7').exposeViaService({ name: 'pricing' })
    new Job(alice, 'Migrate It', { containers: [{ image: 'shop/migrate:1' }] })
    expect(outline(baseline)).toContain('Deployment baseline/pricing')
    expect(outline(alice)).toEqual(
      expect.arrayContaining(['Deployment alice/pricing', 'Service alice/pricing', 'Job alice/migrateit']),
    )
  })
  test('are injected together with Workloads, whose own options stay', () => {
    const { baseline } = shop()
    new Workload(baseline, 'api', { image: 'shop/api:1', port: 8080, sidecar: { image: 'mirror/sidecar:2' } })
    new Workload(baseline, 'legacy', { image: 'shop/legacy:1', port: 8080, sidecar: false })
    const api = podTemplateOf(find(baseline, 'Deployment', 'api'))?.spec?.initContainers?.[0]
    expect(api?.['image']).toBe('mirror/sidecar:2')
    expect(sidecars(find(baseline, 'Deployment', 'legacy'))).toEqual([])
    expect(serviceSpecOf(find(baseline, 'Service', 'legacy'))?.ports?.[0]?.targetPort).toBe('http')
    expect(sidecars(find(baseline, 'Deployment', 'web'))).toEqual(['branchline-sidecar'])
  })
  test('see the search domains of the branch, StatefulSets too', () => {
    const { alice } = shop()
    const service = new Service(alice, 'db', { ports: [{ port: 5432 }], metadata: { name: 'db' } })
    new StatefulSet(alice, 'postgres', {
      service,
      containers: [{ image: 'postgres:18', portNumber: 5432 }],
    })
    const template = podTemplateOf(find(alice, 'StatefulSet', 'postgres'))
    expect(template?.spec?.dnsConfig?.searches).toEqual(['baseline.svc.cluster.local'])
    expect(sidecars(find(alice, 'StatefulSet', 'postgres'))).toEqual(['branchline-sidecar'])
  })
  test('see them as Jobs too, which get no sidecar', () => {
    const { alice } = shop()
    new Job(alice, 'migrate', { containers: [{ image: 'shop/migrate:1' }] })
    const template = injectedTemplateOf(find(alice, 'Job', 'migrate'))
    expect(template?.spec?.dnsConfig?.searches).toEqual(['baseline.svc.cluster.local'])
    expect(template?.spec?.initContainers).toBeUndefined()
  })
  test('are valid, and meet the Pod Security Standard that their namespace enforces', async () => {
    const { alice, baseline, pricing } = shop()
    new Override(alice, pricing, { image: 'shop/pricing:pr-7' })
    new CronJob(alice, 'report', {
      schedule: Cron.hourly(),
      containers: [{ image: 'shop/report:1', resources: { cpu: { request: Cpu.millis(50) } } }],
    })
    const all = [...objects(baseline), ...objects(alice)]
    const invalid = await Promise.all(all.map(whyInvalid))
    expect(invalid.filter((why) => why !== undefined)).toEqual([])
    const pods = all.flatMap((manifest) => injectedTemplateOf(manifest)?.spec ?? [])
    expect(pods).toHaveLength(4)
    expect(pods.flatMap((pod) => againstRestricted(pod as Parameters<typeof againstRestricted>[0]))).toEqual(
      [],
    )
  })
  test('keep what contradicts the standard, and everything in a namespace without it', () => {
    const root = app()
    const open = new Environment(root, 'open', { type: 'shared', podSecurity: 'privileged' })
    deployment(open, 'web')
    const context = podTemplateOf(find(open, 'Deployment', 'web'))?.spec?.containers?.[0]?.['securityContext']
    expect(context).not.toHaveProperty('capabilities')
    const branch = new Environment(root, 'branch', { type: 'branch', base: open })
    expect(branch.podSecurity).toBe('privileged')
    const strict = new Environment(root, 'strict', { type: 'shared' })
    new Deployment(strict, 'root', {
      containers: [{ image: 'a:1', portNumber: 80, securityContext: { ensureNonRoot: false } }],
    })
    const kept = podTemplateOf(find(strict, 'Deployment', 'root'))?.spec?.containers?.[0]?.['securityContext']
    expect(kept).toMatchObject({ runAsNonRoot: false, capabilities: { drop: ['ALL'] } })
  })
  test('are seen when they change between two syntheses', () => {
    const { baseline, root, web } = shop()
    objects(baseline)
    expect(root.synthYaml()).not.toContain('shop/second:1')
    web.addContainer({ name: 'second', image: 'shop/second:1' })
    expect(root.synthYaml()).toContain('shop/second:1')
    ApiObject.of(web).addJsonPatch(JsonPatch.add('/metadata/labels', { a: 'b' }))
    deployment(baseline, 'late').exposeViaService({ name: 'late' })
    const changed = find(baseline, 'Deployment', 'web')
    expect(podTemplateOf(changed)?.spec?.containers?.map(({ name }) => name)).toEqual(['main', 'second'])
    expect(changed.metadata.labels).toMatchObject({ a: 'b' })
    expect(sidecars(find(baseline, 'Deployment', 'late'))).toEqual(['branchline-sidecar'])
  })
  test('in a chart inside of the environment take part if they are in its namespace', () => {
    const { alice } = shop()
    const chart = new Chart(alice, 'extra', { namespace: 'alice', disableResourceNameHashes: true })
    const extra = new Deployment(chart, 'extra', {
      metadata: { name: 'extra' },
      containers: [{ image: 'shop/extra:1', portNumber: 80 }],
    })
    extra.exposeViaService({ name: 'extra' })
    new ApiObject(alice, 'elsewhere', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'elsewhere', namespace: 'other' },
      spec: { selector: {}, ports: [{ port: 1 }] },
    })
    expect(sidecars(find(chart, 'Deployment', 'extra'))).toEqual(['branchline-sidecar'])
    expect(alice.injectSidecars()).toEqual([])
  })
})

describe('a preview', () => {
  test('takes a Service, a Deployment that has one, and a Workload', () => {
    const { alice, baseline, service, pricing } = shop()
    new Preview(baseline, service)
    new Preview(alice, pricing)
    new Preview(alice, new Workload(baseline, 'api', { image: 'shop/api:1', port: 9090 }))
    expect(find(baseline, 'Preview', 'web').spec).toEqual({ service: 'web', port: 8080, access: 'public' })
    expect(find(alice, 'Preview', 'pricing').spec).toMatchObject({ service: 'pricing', port: 8080 })
    expect(find(alice, 'Preview', 'api').spec).toMatchObject({ service: 'api', port: 9090 })
  })
  test('of a name takes the port of the Service that the environment reaches', () => {
    const { alice } = shop()
    new Preview(alice, 'web')
    expect(find(alice, 'Preview', 'web').spec).toMatchObject({ port: 8080 })
    expect(faultsOf(() => new Preview(alice, 'elsewhere'))).toEqual([
      'BL_SYNTH_PREVIEW',
      expect.stringMatching(/^Preview "elsewhere" of "alice": spec.port is missing/),
    ])
  })
  test('of a Deployment without a Service is a fault', () => {
    const { alice, baseline } = shop()
    const worker = deployment(baseline, 'worker')
    expect(faultsOf(() => new Preview(alice, worker))).toEqual([
      'BL_SYNTH_PREVIEW',
      'Preview of "baseline/worker": it has no Service; give it one, such as with exposeViaService(), or name one',
    ])
  })
  test('of a port that does not exist, or of a typo, is a fault', () => {
    const { alice, baseline, service } = shop()
    new Preview(alice, service, { port: 80 })
    const wrong = new Preview(alice, 'pricng', { port: 8080 })
    expect(faultsOf(() => objects(baseline))).toEqual([
      'BL_SYNTH_PREVIEW',
      'Preview "web" of "alice": port is 80, but the Service "web" of "baseline" has 8080',
      'Preview "pricng" of "alice": service is "pricng": did you mean "pricing"?',
    ])
    expect(wrong.resource.spec.service).toBe('pricng')
  })
})

describe('synth finds', () => {
  test('a base that is a typo, unless it is known to be of another app', () => {
    const { root, alice } = shop()
    new Environment(root, 'bob', { type: 'branch', base: 'baselin' })
    expect(faultsOf(() => objects(alice))).toEqual([
      'BL_SYNTH_ENVIRONMENT',
      'Environment "bob": base is "baselin", which this app does not define: did you mean "baseline"? If it is an environment of another app, set above: ["baselin"]',
    ])
    const other = shop()
    const carol = { type: 'branch', base: 'baselin', above: ['baselin'] } as const
    new Environment(other.root, 'carol', carol)
    new Environment(other.root, 'staging-1', { type: 'shared' })
    new Environment(other.root, 'dave', { type: 'branch', base: 'staging-2' })
    expect(faultsOf(() => objects(other.alice))).toEqual([])
  })
  test('a container without an image, and variables without a value', () => {
    const { baseline } = shop()
    const unset = undefined as unknown as string
    new Deployment(baseline, 'orders', {
      containers: [
        {
          image: unset,
          name: 'one',
          envVariables: { TOKEN: EnvValue.fromValue(unset), OK: EnvValue.fromValue('') },
        },
        {
          image: `shop/two:${unset}`,
          name: 'two',
          portNumber: 81,
          envVariables: { URL: EnvValue.fromValue('undefined') },
        },
      ],
    })
    const [code, ...faults] = faultsOf(() => objects(baseline))
    expect(code).toBe('BL_SYNTH_OBJECT')
    const start = 'Environment "baseline": Deployment "orders": container'
    expect(faults).toEqual([
      `${start} "one": image is missing: wanted one such as "shop/web:1"`,
      `${start} "one": env.TOKEN is undefined: give it a value, or leave it out`,
      `${start} "two": image is "shop/two:undefined": a part of it is not set, so look for a variable without a value`,
      `${start} "two": env.URL is undefined: give it a value, or leave it out`,
    ])
  })
  test('undefined in the variables of a Workload', () => {
    const { baseline } = shop()
    const build = (env: Record<string, string>) => new Workload(baseline, 'api', { image: 'a:1', env })
    expect(faultsOf(() => build({ A: undefined as unknown as string }))).toEqual([
      'BL_SYNTH_WORKLOAD',
      expect.stringMatching(/^Workload "api" of "baseline": env.A is undefined: wanted a text/),
    ])
  })
  test('a branch without a base, in the types', () => {
    const root = app()
    // @ts-expect-error A branch needs a base.
    const build = () => new Environment(root, 'alice', { type: 'branch' })
    expect(build).not.toThrow()
    // @ts-expect-error Only a branch has a base.
    expect(() => new Environment(root, 'bob', { type: 'shared', base: 'alice' })).not.toThrow()
    // JavaScript has no types.
    expect(faultsOf(() => root.synthYaml())).toEqual([
      'BL_SYNTH_ENVIRONMENT',
      expect.stringMatching(/^Environment "alice" .*spec.base is missing/),
      expect.stringMatching(/^Environment "bob" .*only|spec.base "alice" is given/),
    ])
  })
})
