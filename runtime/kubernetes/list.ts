import { z } from 'zod'
import type { Api } from './api.ts'
import { isExpired } from './api-error.ts'
import type { Resource } from './resource.ts'
import type { KubernetesLimits } from './limits.ts'
import { type ApiObject, parseApiObject } from './object.ts'

const page = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullish(),
})

/**
 * Lists all current objects of a kind, page by page. The first page is a quorum read, so it is never older than
 * what was seen before. Resolves to the resource version from which a watch continues. If a later page has
 * expired (410), it reads everything again without pages.
 */
export async function listAll(
  api: Api,
  resource: Resource,
  limits: Pick<KubernetesLimits, 'pageSize' | 'listTimeoutMs'>,
  signal: AbortSignal,
  onObject: (object: ApiObject) => void,
): Promise<string> {
  let limit: number | undefined = limits.pageSize
  let next: string | undefined
  for (;;) {
    const query = { limit, continue: next, fieldSelector: resource.fieldSelector }
    const request = {
      method: 'GET',
      path: resource.path,
      query,
      timeoutMs: limits.listTimeoutMs,
      signal,
    } as const
    try {
      const { metadata, items } = page.parse(await api.request(request))
      for (const item of items ?? []) onObject(parseApiObject(item))
      if (!metadata.continue) return metadata.resourceVersion
      next = metadata.continue
    } catch (error) {
      if (next === undefined || !isExpired(error)) throw error
      next = undefined
      limit = undefined
    }
  }
}
