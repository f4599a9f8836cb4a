import type { Reply } from '../../proxy/decision.ts'
import type { Explain } from './context.ts'

/** The hops of an earlier request, and what else is known of it, as JSON. A 503 if the manager, which collects them, cannot be queried. */
export async function explainReply(explain: Explain | undefined, traceId: string): Promise<Reply> {
  const path = await explain?.hops(traceId)
  const headers = [
    ['content-type', 'application/json'],
    ['cache-control', 'no-store'],
  ] as const
  if (path !== undefined) return { status: 200, headers, body: `${JSON.stringify({ traceId, ...path })}\n` }
  const title = 'The manager, which knows the paths of requests, cannot be queried.'
  return { status: 503, headers, body: `${JSON.stringify({ title, traceId })}\n` }
}
