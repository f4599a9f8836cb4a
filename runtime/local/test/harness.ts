import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../testing/until.ts'
import { Cluster, type ClusterOptions } from '../cluster.ts'
import type { KubernetesObject } from '../manifests/object.ts'
import { describeProblem, type Problem } from '../types.ts'

const APP = join(import.meta.dirname, 'app.ts')

/** A cluster on its own folder, with helpers for tests. */
export class TestCluster {
  readonly folder = mkdtempSync(join(tmpdir(), 'branchline-test-'))
  readonly reported: string[] = []
  cluster!: Cluster
  ports: number[] = []

  static async start(
    files: Record<string, readonly object[]>,
    options: Partial<ClusterOptions> = {},
  ): Promise<TestCluster> {
    const test = new TestCluster()
    for (const [name, objects] of Object.entries(files)) test.write(name, objects)
    try {
      const onProblem = (problem: Problem): void => void test.reported.push(describeProblem(problem))
      const { cluster, ports } = await Cluster.start({ folder: test.folder, onProblem, ...options })
      test.cluster = cluster
      test.ports = ports
      return test
    } catch (error) {
      rmSync(test.folder, { recursive: true })
      throw error
    }
  }

  write(name: string, objects: readonly object[]): void {
    writeFileSync(join(this.folder, name), objects.map((object) => JSON.stringify(object)).join('\n---\n'))
  }

  remove(name: string): void {
    rmSync(join(this.folder, name))
  }

  /** The pods of a namespace with a name prefix. */
  pods(namespace: string, prefix: string): ReturnType<Cluster['state']>['pods'] {
    return this.cluster
      .state()
      .pods.filter((pod) => pod.namespace === namespace && pod.name.startsWith(`${prefix}-`))
  }

  async ready(namespace: string, prefix: string, count = 1): Promise<ReturnType<Cluster['state']>['pods']> {
    await until(() => {
      const pods = this.pods(namespace, prefix)
      return pods.length === count && pods.every((pod) => pod.ready)
    }, `${count} ready pods of ${prefix}`).catch((error: unknown) => {
      throw new Error(
        `${String(error)}\n${this.reported.join('\n')}\n${JSON.stringify(this.cluster.state())}`,
      )
    })
    return this.pods(namespace, prefix)
  }

  async stop(): Promise<void> {
    await this.cluster.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export interface AppOptions {
  readonly namespace?: string
  readonly env?: Record<string, string>
  readonly replicas?: number
  readonly container?: object
  readonly pod?: object
  readonly args?: string[]
  readonly port?: number
  readonly service?: object
}

/** A Deployment of the test app, and its Service `name:80` with a named targetPort. */
export function app(name: string, options: AppOptions = {}): KubernetesObject[] {
  const {
    namespace = 'shop',
    env = {},
    replicas = 1,
    container,
    pod,
    args = [],
    port = 8080,
    service,
  } = options
  const labels = { app: name }
  const spec = {
    containers: [
      {
        name,
        command: [process.execPath, APP, ...args],
        ports: [{ name: 'http', containerPort: port }],
        env: Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
        readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 1, failureThreshold: 1 },
        ...container,
      },
    ],
    ...pod,
  }
  const metadata = { name, namespace }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ name: 'http', port: 7000, targetPort: 'http' }], ...service },
    },
  ]
}
