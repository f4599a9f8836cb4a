import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import {
  KubeConfig,
  KubernetesObjectApi,
  type KubernetesObject as ClientObject,
  PatchStrategy,
} from '@kubernetes/client-node'
import { kubeConfigAccess } from '@branchline/runtime/kubernetes/access'
import { type Api, createApi } from '@branchline/runtime/kubernetes/api'
import { DEFAULT_KUBERNETES_LIMITS } from '@branchline/runtime/kubernetes/limits'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import type { LocalEvent, LocalKind, LocalPatch } from '@branchline/wire/local-api'
import { systemSentence } from '../output/system-errors.ts'
import { CliError } from '../platform/errors.ts'
import { clusterError } from './cluster-error.ts'
import { KINDS } from './kinds.ts'
import { eachLine } from './lines.ts'
import type { ContainerName, LogOptions, Target } from './target.ts'
import { type Listed, watchCollection } from './watch.ts'

/** The field manager of changes that the command line makes. */
const FIELD_MANAGER = 'branchline'

export interface ClusterChoice {
  readonly context?: string
  readonly kubeconfig?: string
}

/** A cluster of the kubeconfig, through the client library. */
export class ClusterTarget implements Target {
  readonly type = 'cluster'
  readonly name: string
  readonly config: KubeConfig
  readonly #objects: KubernetesObjectApi
  readonly #api: Api

  /** Reads the kubeconfig. Sends nothing. Throws a {@link CliError} if it does not have the context. */
  static open(choice: ClusterChoice): ClusterTarget {
    return new ClusterTarget(loadConfig(choice))
  }

  private constructor(config: KubeConfig) {
    this.config = config
    this.name = `context ${config.getCurrentContext()}`
    this.#objects = KubernetesObjectApi.makeApiClient(config)
    this.#api = createApi(kubeConfigAccess(config), DEFAULT_KUBERNETES_LIMITS)
  }

  async list(kind: LocalKind, namespace?: string): Promise<KubernetesObject[]> {
    return [...(await this.#list(kind, namespace)).items]
  }

  async watch(
    kinds: readonly LocalKind[],
    namespace: string | undefined,
    onEvent: (event: LocalEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let synced = 0
    const onSynced = (): void => {
      if (++synced === kinds.length) onEvent({ type: 'SYNCED' })
    }
    const watches = kinds.map((kind) => {
      const list = (): Promise<Listed> => this.#list(kind, namespace)
      return watchCollection({ config: this.config, kind, namespace, signal, list, onEvent, onSynced })
    })
    await Promise.all(watches)
  }

  async #list(kind: LocalKind, namespace: string | undefined): Promise<Listed> {
    const { items, metadata } = await this.#call(`list ${KINDS[kind].plural}`, () =>
      this.#objects.list(KINDS[kind].apiVersion, kind, namespace),
    )
    return { items: items.map((item) => plain(item, kind)), resourceVersion: metadata?.resourceVersion }
  }

  async log(
    { namespace, pod, container }: ContainerName,
    { follow, tail }: LogOptions,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log`
    // Not the library's Log: an abort or a reset there is an exception that nothing can catch.
    const response = await this.#call(`logs of pod ${namespace}/${pod}`, () =>
      this.#api.open({ method: 'GET', path, query: { container, follow, tailLines: tail }, signal }),
    )
    await eachLine(response, onLine, signal)
  }

  async patch({ kind, namespace, name, patch }: LocalPatch): Promise<void> {
    const metadata = { name, ...(namespace !== undefined && { namespace }) }
    const object = { apiVersion: KINDS[kind].apiVersion, kind, metadata }
    if (patch === null) {
      await this.#call(`delete ${kind} ${name}`, () =>
        this.#objects.delete(object, undefined, undefined, undefined, undefined, 'Background'),
      )
      return
    }
    const change = { ...patch, ...object, metadata: { ...(patch['metadata'] as object), ...metadata } }
    await this.#call(`change ${kind} ${name}`, () =>
      this.#objects.patch(
        change as ClientObject,
        undefined,
        undefined,
        FIELD_MANAGER,
        undefined,
        PatchStrategy.MergePatch,
      ),
    )
  }

  problems(): Promise<string[]> {
    return Promise.resolve([])
  }

  async serverVersion(): Promise<string> {
    const version = await this.request('read the version', { method: 'GET', path: '/version' })
    return String((version as { gitVersion?: string }).gitVersion)
  }

  /** Sends one request that no other method covers, and resolves with the JSON of the response. */
  async request(what: string, request: Parameters<Api['request']>[0]): Promise<unknown> {
    return await this.#call(what, () => this.#api.request(request))
  }

  async #call<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      const server = this.config.getCurrentCluster()?.server ?? ''
      throw clusterError(what, this.name, server, error)
    }
  }
}

/** Reads the kubeconfig of the choice, of KUBECONFIG, or of the home folder, and selects the context. */
function loadConfig({ context, kubeconfig }: ClusterChoice): KubeConfig {
  const config = new KubeConfig()
  try {
    if (kubeconfig !== undefined) config.loadFromFile(kubeconfig)
    else if (hasDefaultConfig()) config.loadFromDefault()
    else throw new Error('there is none in KUBECONFIG or ~/.kube/config: name a file with --kubeconfig')
  } catch (error) {
    const sentence = systemSentence(error)
    const message =
      sentence === undefined
        ? `the kubeconfig cannot be read: ${(error as Error).message}`
        : `the kubeconfig ${sentence}`
    throw new CliError('BL_TARGET', message, { cause: error })
  }
  const names = config.getContexts().map(({ name }) => name)
  if (context !== undefined && !names.includes(context)) {
    const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`
    throw new CliError('BL_TARGET', `--context is ${context}, which the kubeconfig does not have: ${known}`)
  }
  if (context !== undefined) config.setCurrentContext(context)
  if (config.getCurrentCluster() === null) {
    throw new CliError(
      'BL_TARGET',
      `the kubeconfig has no current context: choose one of ${names.join(', ')} with --context`,
    )
  }
  return config
}

const hasDefaultConfig = (): boolean =>
  (process.env['KUBECONFIG'] ?? '') !== '' || existsSync(join(homedir(), '.kube/config'))

/** An object as JSON. The library turns times into Date, and omits type fields of list items. */
function plain(object: ClientObject, kind: LocalKind): KubernetesObject {
  const json = JSON.parse(JSON.stringify(object)) as KubernetesObject
  return { ...json, apiVersion: KINDS[kind].apiVersion, kind }
}
