import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../testing/until.ts'
import { Cluster } from '../cluster.ts'
import type { ClusterOptions } from '../options.ts'
import type { KubernetesObject } from '../manifests/object.ts'
import type { Method } from '../network/network.ts'
import { describeProblem, type Problem } from '../types.ts'

const DIAL_TIMEOUT_MS = 10_000
const APP_PORT = 8080
/** The method of the tests that do not choose one. */
const NETWORK = process.env['TEST_NETWORK'] as Method | undefined
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
      const { cluster, ports } = await Cluster.start({
        folder: test.folder,
        onProblem,
        network: NETWORK,
        ...options,
      })
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

  /** Sends a GET to a port of a pod or a Service, and resolves with the body. */
  get(host: string | undefined, port: number, path = '/'): Promise<string> {
    return new Promise((resolve, reject) => {
      const sent = request({
        path,
        headers: { host: 'app', connection: 'close' },
        createConnection: (_options, connected) => {
          this.cluster.network.dial({ host: host ?? '', port }, DIAL_TIMEOUT_MS).then(
            (socket) => connected(null, socket),
            (error: Error) => connected(error, undefined as never),
          )
          return undefined
        },
      })
      sent.once('response', (response) => text(response).then(resolve, reject))
      sent.once('error', reject).end()
    })
  }

  /** Sends a GET to the test app of a pod, and resolves with the parsed body. */
  async ask<T>(pod: { readonly ip: string } | undefined, path = '/'): Promise<T> {
    return JSON.parse(await this.get(pod?.ip, APP_PORT, path)) as T
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
