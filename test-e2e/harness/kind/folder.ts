import { type FSWatcher, watch } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { KubernetesObject } from '@kubernetes/client-node'
import { type Input, injectTexts } from 'branchline/commands/inject.ts'
import { parseAllDocuments } from 'yaml'
import type { Api } from './api.ts'

const RETRY_MS = 250

/**
 * Syncs a cluster with a folder of manifests, as Argo CD does with git. It applies new and changed objects, deletes removed
 * ones, and retries objects that the API server refuses (such as in a namespace that is still terminating).
 */
export class FolderSync {
  readonly #api: Api
  readonly #folder: string
  readonly #applied = new Map<string, KubernetesObject>()
  /** Applied objects that must be applied again, although the folder has not changed. */
  readonly #stale = new Set<string>()
  readonly #problems = new Map<string, string>()
  readonly #watcher: FSWatcher
  #dirty = true
  #stopped = false
  readonly #loop: Promise<void>
  readonly #synced = Promise.withResolvers<void>()
  #wake: () => void = () => undefined

  /** `before` lists objects in the cluster, which are deleted if the folder does not contain them. */
  constructor(api: Api, folder: string, before: readonly KubernetesObject[]) {
    this.#api = api
    this.#folder = folder
    for (const object of before) this.#applied.set(idOf(object), object)
    this.#watcher = watch(folder, () => this.#changed())
    this.#loop = this.#run()
  }

  /** The objects that the API server refused, one sentence each. */
  get problems(): readonly string[] {
    return [...this.#problems.values()]
  }

  /** Returns the applied objects of the folder. */
  get objects(): readonly KubernetesObject[] {
    return [...this.#applied.values()]
  }

  /** Resolves when the cluster matches the folder for the first time. */
  get synced(): Promise<void> {
    return this.#synced.promise
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#watcher.close()
    this.#wake()
    await this.#loop
  }

  #changed(): void {
    this.#dirty = true
    this.#wake()
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      if (this.#dirty) {
        this.#dirty = false
        if (!(await this.#reconcile())) {
          this.#dirty = true
          await delay(RETRY_MS)
        } else this.#synced.resolve()
      } else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** Reports whether the cluster matches the folder. */
  async #reconcile(): Promise<boolean> {
    const wanted = await readFolder(this.#folder)
    this.#problems.clear()
    for (const [id, object] of this.#applied) {
      if (wanted.has(id)) continue
      if (!(await this.#try(id, () => this.#api.remove(object)))) continue
      this.#applied.delete(id)
      this.#stale.delete(id)
    }
    for (const [id, object] of wanted) {
      const isThere = JSON.stringify(this.#applied.get(id)) === JSON.stringify(object)
      if (isThere && !this.#stale.has(id)) continue
      if (await this.#try(id, () => this.#api.apply(structuredClone(object)))) {
        this.#applied.set(id, object)
        this.#stale.delete(id)
      } else if (object.kind === 'Namespace') break
    }
    // A namespace that was terminating has lost its objects, so all of them are applied again.
    for (const id of this.#problems.keys()) {
      const namespace = wanted.get(id)?.metadata?.namespace
      if (namespace === undefined) continue
      for (const [other, object] of this.#applied) {
        if (object.metadata?.namespace === namespace || object.metadata?.name === namespace) {
          this.#stale.add(other)
        }
      }
    }
    return this.#problems.size === 0
  }

  async #try(id: string, action: () => Promise<void>): Promise<boolean> {
    try {
      await action()
      return true
    } catch (error) {
      this.#problems.set(id, `${id}: ${messageOf(error)}`)
      return false
    }
  }
}

function messageOf(error: unknown): string {
  const body = (error as { body?: unknown }).body
  try {
    return (JSON.parse(String(body)) as { message: string }).message
  } catch {
    return (error as Error).message
  }
}

const idOf = ({ apiVersion, kind, metadata }: KubernetesObject): string =>
  `${apiVersion} ${kind} ${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`

/**
 * Returns all objects of a folder by id, Namespaces first, with sidecars as `branchline inject` adds them. A file that is
 * only half written is read the next time.
 */
async function readFolder(folder: string): Promise<Map<string, KubernetesObject>> {
  const files = (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name)).sort()
  const inputs: Input[] = []
  for (const file of files) {
    const text = await readIfThere(join(folder, file))
    if (text !== undefined) inputs.push({ file, text })
  }
  const objects = injectTexts(inputs)
    .outputs.flatMap(({ text }) => parseAllDocuments(text))
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object?.kind !== undefined) as KubernetesObject[]
  objects.sort((one, two) => rankOf(one) - rankOf(two))
  return new Map(objects.map((object) => [idOf(object), object]))
}

/** Returns undefined if a file was removed after it was listed. */
async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const rankOf = ({ kind }: KubernetesObject): number => (kind === 'Namespace' ? 0 : 1)
