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

/** A small program of a story: a process of its source where there are no images, else `programs/<image>:1`. */
export interface Program {
  readonly name: string
  readonly image: string
  /** The folder of the source, and what runs it there. */
  readonly folder: string
  readonly command: string
  readonly env?: Readonly<Record<string, string>>
  readonly port: number
  /** What the Service says that the port speaks. */
  readonly appProtocol?: string
  /** The path that is asked for readiness. Default: a connection is enough. */
  readonly ready?: string
}

/** A Deployment of one pod, and its Service, as anybody writes them: without a sidecar. */
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
  // As process 1 of a container, a program without a handler ignores SIGTERM.
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

/** An environment in a namespace of its name, with previews of some services; a branch where it has a base. */
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

/** A program on the chosen target, from the folder of its manifests. */
export class RunningProgram {
  readonly #folder: string
  readonly platform: Running

  private constructor(folder: string, platform: Running) {
    this.#folder = folder
    this.platform = platform
  }

  /** Starts a program; `manifests` are its files' texts by name. */
  static async start(manifests: Readonly<Record<string, string>>): Promise<RunningProgram> {
    const folder = temporaryFolder('program')
    for (const [name, text] of Object.entries(manifests)) await writeFile(join(folder, `${name}.yaml`), text)
    return new RunningProgram(folder, await chosenTarget().start(folder))
  }

  urlOf(environment: string, preview: string): Promise<string> {
    return this.platform.previewUrl(environment, preview, READY_TIMEOUT_MS)
  }

  /** What a preview answers as JSON. Throws with status and text where it is not a 200. */
  async said<T>(
    environment: string,
    preview: string,
    path?: string,
    timeoutMs = VISIT_TIMEOUT_MS,
  ): Promise<T> {
    const url = await this.urlOf(environment, preview)
    const { status, body } = await visit(url, { timeoutMs, ...(path === undefined ? {} : { path }) })
    if (status !== 200) throw new Error(`${url} answered ${status}: ${body}`)
    return JSON.parse(body) as T
  }

  /** Waits until a check holds for the first time; where it never does, throws with what is known. */
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
