import {
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  KubernetesObjectApi,
  type KubernetesObject,
  PatchStrategy,
  type V1Pod,
} from '@kubernetes/client-node'
import { GROUP, VERSION } from '@branchline/wire/names'
import type { EnvironmentStatus } from '@branchline/wire/resources/environment'
import type { PreviewStatus } from '@branchline/wire/resources/preview'

/** The field manager of the stories for server-side apply. */
export const FIELD_MANAGER = 'branchline-e2e'

/** The fields of an Environment or a Preview that the stories read. */
export interface Resource<Status> {
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly status?: Status
}

/** The calls of the Kubernetes API that stories need. */
export class Api {
  readonly config = new KubeConfig()
  readonly #objects: KubernetesObjectApi
  readonly #core: CoreV1Api
  readonly #custom: CustomObjectsApi

  constructor(context: string) {
    this.config.loadFromDefault()
    this.config.setCurrentContext(context)
    this.#objects = KubernetesObjectApi.makeApiClient(this.config)
    this.#core = this.config.makeApiClient(CoreV1Api)
    this.#custom = this.config.makeApiClient(CustomObjectsApi)
  }

  /**
   * Applies an object server-side, like Argo CD. Rejects if the object is being deleted, because a terminating namespace
   * soon removes everything in it.
   */
  async apply(object: KubernetesObject): Promise<void> {
    const { kind, metadata } = await this.#objects.patch(
      object,
      undefined,
      undefined,
      FIELD_MANAGER,
      true,
      PatchStrategy.ServerSideApply,
    )
    if (metadata?.deletionTimestamp === undefined) return
    throw new Error(`${kind} ${metadata.name} is being deleted`)
  }

  /** Deletes an object. A missing object counts as deleted. */
  async remove(object: KubernetesObject): Promise<void> {
    try {
      await this.#objects.delete(object, undefined, undefined, undefined, undefined, 'Background')
    } catch (error) {
      if (statusOf(error) !== 404) throw error
    }
  }

  async pods(): Promise<V1Pod[]> {
    return (await this.#core.listPodForAllNamespaces()).items
  }

  async environments(): Promise<Resource<EnvironmentStatus>[]> {
    return this.#list('environments')
  }

  async previews(): Promise<Resource<PreviewStatus>[]> {
    return this.#list('previews')
  }

  async #list<Status>(plural: string): Promise<Resource<Status>[]> {
    const list = (await this.#custom.listCustomObjectForAllNamespaces({
      group: GROUP,
      version: VERSION,
      resourcePlural: plural,
    })) as { items: Resource<Status>[] }
    return list.items
  }
}

/** Returns the HTTP status with which the API server refused a call, if it did. */
const statusOf = (error: unknown): number | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number'
    ? error.code
    : undefined
