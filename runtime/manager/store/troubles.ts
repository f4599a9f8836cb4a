import { type KubernetesObject, selectsLabels } from '@branchline/wire/kubernetes'
import { podTrouble, type TroubleOptions } from '@branchline/wire/pod-trouble'
import { z } from 'zod'

type Labels = Readonly<Record<string, string>>

interface TroubledPod {
  readonly labels: Labels
  readonly createdAt: string
  readonly trouble: string
}

const selectorOf = z.object({
  spec: z.object({ selector: z.record(z.string(), z.string()).nullish() }),
})

/**
 * Why Services have no ready endpoint, by the states of their pods. Slices do not help: a pod that never got an address
 * is in none. It keeps only the pods that are in trouble.
 */
export class Troubles {
  readonly #options: TroubleOptions
  /** By namespace, then by the id of the Service. */
  readonly #selectors = new Map<string, Map<string, Labels>>()
  /** By namespace, then by the id of the pod. */
  readonly #pods = new Map<string, Map<string, TroubledPod>>()

  constructor(options: TroubleOptions) {
    this.#options = options
  }

  /** Why a Service has no ready endpoint: the trouble of its newest pod. Undefined if none is known. */
  of(serviceId: string): string | undefined {
    const namespace = namespaceOf(serviceId)
    const selector = this.#selectors.get(namespace)?.get(serviceId)
    if (selector === undefined) return undefined
    let newest: TroubledPod | undefined
    for (const pod of this.#pods.get(namespace)?.values() ?? []) {
      if (!selectsLabels(selector, pod.labels)) continue
      if (newest === undefined || pod.createdAt > newest.createdAt) newest = pod
    }
    return newest?.trouble
  }

  /** Stores a Service, or removes it (undefined). Returns whether its trouble may have changed. */
  setService(id: string, service: KubernetesObject | undefined): boolean {
    const namespace = namespaceOf(id)
    const before = this.of(id)
    const selector = selectorOf.safeParse(service).data?.spec.selector ?? {}
    const isEmpty = Object.keys(selector).length === 0
    setOrDelete(this.#selectors, namespace, id, isEmpty ? undefined : selector)
    return this.of(id) !== before
  }

  /** Stores a pod, or removes it (undefined). Returns the ids of the Services whose trouble may have changed. */
  setPod(id: string, pod: KubernetesObject | undefined): string[] {
    const namespace = namespaceOf(id)
    const before = this.#pods.get(namespace)?.get(id)
    const after = pod && this.#troubled(pod)
    if (before?.trouble === after?.trouble) return []
    setOrDelete(this.#pods, namespace, id, after)
    const concerned = [before?.labels, after?.labels].filter((labels) => labels !== undefined)
    return [...(this.#selectors.get(namespace) ?? [])].flatMap(([service, selector]) =>
      concerned.some((labels) => selectsLabels(selector, labels)) ? [service] : [],
    )
  }

  #troubled(pod: KubernetesObject): TroubledPod | undefined {
    const { labels = {}, creationTimestamp: createdAt = '' } = pod.metadata
    // One that ends or has ended has a successor, whose trouble counts, or none is wanted.
    const { phase } = (pod['status'] ?? {}) as { phase?: unknown }
    const isOver = 'deletionTimestamp' in pod.metadata || phase === 'Succeeded' || phase === 'Failed'
    const trouble = isOver ? undefined : podTrouble(pod, this.#options)
    return trouble === undefined ? undefined : { labels, createdAt, trouble }
  }
}

const namespaceOf = (id: string): string => id.slice(0, id.indexOf('/'))

function setOrDelete<T>(
  map: Map<string, Map<string, T>>,
  outer: string,
  inner: string,
  value: T | undefined,
): void {
  const values = map.get(outer) ?? new Map<string, T>()
  if (value === undefined) values.delete(inner)
  else values.set(inner, value)
  if (values.size === 0) map.delete(outer)
  else map.set(outer, values)
}
