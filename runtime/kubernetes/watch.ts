import { z } from 'zod'
import { KubernetesError } from './errors.ts'
import type { Api } from './api.ts'
import { isExpired, toApiError } from './api-error.ts'
import type { Resource } from './resource.ts'
import type { KubernetesLimits } from './limits.ts'
import { LineSplitter } from './lines.ts'
import { type ApiObject, parseApiObject } from './object.ts'

const event = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.unknown(),
})

/** An event of a watch (metav1.WatchEvent). Of a bookmark, only the resource version counts. */
export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: ApiObject }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }

/** An open watch broke: by a reset, half a line, silence, or something that cannot be parsed. */
export class WatchBroken extends KubernetesError {
  constructor(message: string, cause?: unknown) {
    super(message, { retryable: true, cause })
    this.name = 'WatchBroken'
  }
}

const bookmark = z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string() }) })

/**
 * Watches from a resource version on, until the API server ends the watch normally. Rejects with an ApiError if
 * the watch is refused or its version has expired (410, before or within the stream), and with a
 * {@link WatchBroken} if it breaks. It has reported each earlier event once.
 */
export async function watchOnce(
  api: Api,
  resource: Resource,
  resourceVersion: string,
  limits: KubernetesLimits,
  signal: AbortSignal,
  onEvent: (event: WatchEvent) => void,
): Promise<void> {
  const what = `watch of ${resource.path}`
  const closing = new AbortController()
  const response = await api.open({
    method: 'GET',
    path: resource.path,
    query: {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion,
      timeoutSeconds: spread(limits.watchTimeoutSeconds),
      fieldSelector: resource.fieldSelector,
    },
    signal: AbortSignal.any([signal, closing.signal]),
  })
  let idle = false
  const timer = setTimeout(() => {
    idle = true
    response.destroy()
  }, limits.watchIdleTimeoutMs)
  try {
    const lines = new LineSplitter(limits.maxLineBytes)
    for await (const chunk of response as AsyncIterable<Buffer>) {
      timer.refresh()
      for (const line of lines.push(chunk)) {
        if (signal.aborted) return
        onEvent(parseEvent(what, line))
      }
    }
    if (lines.unfinished) throw new Error('it ended in the middle of a line')
  } catch (error) {
    if (isExpired(error)) throw error
    const why = idle ? `silent for ${limits.watchIdleTimeoutMs} ms` : (error as Error).message
    throw new WatchBroken(`${what}: ${why}`, error)
  } finally {
    clearTimeout(timer)
    closing.abort()
  }
}

function parseEvent(what: string, line: string): WatchEvent {
  const { type, object } = event.parse(JSON.parse(line))
  if (type === 'ERROR') throw toApiError(what, 500, object)
  if (type === 'BOOKMARK') {
    return { type, resourceVersion: bookmark.parse(object).metadata.resourceVersion }
  }
  return { type, object: parseApiObject(object) }
}

// Random, so that the watches of all kinds and replicas do not end at the same time.
const spread = (seconds: number): number => Math.ceil((seconds / 2) * (1 + Math.random()))
