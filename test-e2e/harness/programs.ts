import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '@branchline/runtime/process/temporary'
import { ANNOTATIONS, API_VERSION } from '@branchline/wire/names'
import { stringify } from 'yaml'
import type { Running } from './target.ts'
import { chosenTarget } from './test-stories.ts'
import { until } from './until.ts'
import { visit } from './visit.ts'

const READY_TIMEOUT_MS = 90_000
const GRACE_SECONDS = 5
const VISIT_TIMEOUT_MS = 15_000

/** A small program of a story. It runs from source on a target without images, otherwise as `programs/<image>:1`. */
export interface Program {
  readonly name: string
  readonly image: string
  /** The folder of the source, and the command that runs it there. */
  readonly folder: string
  readonly command: string
  readonly env?: Readonly<Record<string, string>>
  readonly port: number
  /** The protocol that the Service declares. */
  readonly appProtocol?: string
  /** The path of the readiness probe. Default: a connection is enough. */
  readonly ready?: string
}

/** Returns a Deployment of one pod and its Service, without a sidecar. */
export function manifestsOf(namespace: string, program: Program): string {
  const { name, image, folder, command, env = {}, port, appProtocol, ready } = program
  const labels = { app: name }
  const probe = ready === undefined ? { tcpSocket: { port } } : { httpGet: { path: ready, port } }
  const container = {
    name,
    image: `programs/${image}:1`,
    env: Object.entries({ PORT: String(port), ...env }).map(([name, value]) => ({ name, value })),
    ports: [{ name: 'app', containerPort: port }],
    readinessProbe: { ...probe, periodSeconds: 1 },
  }
  // Process 1 of a container ignores SIGTERM if it has no handler.
  const spec = { containers: [container], terminationGracePeriodSeconds: GRACE_SECONDS }
  const annotations = { [ANNOTATIONS.localDir]: folder, [ANNOTATIONS.localCommand]: command }
  return documents([
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels, annotations }, spec },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { selector: labels, ports: [{ name: 'app', port, targetPort: 'app', appProtocol }] },
    },
  ])
}

/** Returns an environment in a namespace of its name, with previews of services. With a base it is a branch. */
export function environmentOf(name: string, previews: readonly Program[], base?: string): string {
  const metadata = { name, namespace: name }
  const spec = base === undefined ? { type: 'shared' } : { type: 'branch', base }
  return documents([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    { apiVersion: API_VERSION, kind: 'Environment', metadata, spec },
    ...previews.map(({ name: service, port }) => ({
      apiVersion: API_VERSION,
      kind: 'Preview',
      metadata: { name: service, namespace: name },
      spec: { service, port },
    })),
  ])
}

const documents = (objects: readonly object[]): string =>
  objects.map((object) => `---\n${stringify(object)}`).join('')

/** Programs that run on the chosen target, from a folder of manifests. */
export class RunningProgram {
  readonly #folder: string
  readonly platform: Running

  private constructor(folder: string, platform: Running) {
    this.#folder = folder
    this.platform = platform
  }

  /** Starts programs. `manifests` maps the names of files to their texts. */
  static async start(manifests: Readonly<Record<string, string>>): Promise<RunningProgram> {
    const folder = temporaryFolder('program')
    for (const [name, text] of Object.entries(manifests)) await writeFile(join(folder, `${name}.yaml`), text)
    return new RunningProgram(folder, await chosenTarget().start(folder))
  }

  /** Replaces the text of a file of manifests, or adds one. */
  write(name: string, text: string): Promise<void> {
    return writeFile(join(this.#folder, `${name}.yaml`), text)
  }

  urlOf(environment: string, preview: string): Promise<string> {
    return this.platform.previewUrl(environment, preview, READY_TIMEOUT_MS)
  }

  /** Returns the response of a preview, parsed as JSON. Throws an error with status and text if it is not a 200. */
  async said<T>(
    environment: string,
    preview: string,
    path?: string,
    timeoutMs = VISIT_TIMEOUT_MS,
  ): Promise<T> {
    const url = await this.urlOf(environment, preview)
    const { status, body } = await visit(url, { timeoutMs, ...(path === undefined ? {} : { path }) })
    if (status !== 200) throw new Error(`${url} returned ${status}: ${body}`)
    return JSON.parse(body) as T
  }

  /** Waits until a check passes for the first time. After the timeout it throws an error that describes the platform. */
  async ready(what: string, check: () => Promise<void>): Promise<void> {
    try {
      await until(what, check, READY_TIMEOUT_MS)
    } catch (error) {
      throw new Error(await this.platform.describe(), { cause: error })
    }
  }

  async stop(): Promise<void> {
    await this.platform.stop()
    await rm(this.#folder, { recursive: true })
  }
}
