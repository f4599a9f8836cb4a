import type { Reply } from '../../proxy/decision.ts'
import type { Explain } from './arrival.ts'

/** The hops of an earlier request as JSON; a 503 where the manager, who collects them, cannot be asked. */
export async function explainReply(explain: Explain | undefined, traceId: string): Promise<Reply> {
  const hops = await explain?.hops(traceId)
  const headers = [
    ['content-type', 'application/json'],
    ['cache-control', 'no-store'],
  ] as const
  if (hops !== undefined) return { status: 200, headers, body: `${JSON.stringify({ traceId, hops })}\n` }
  const title = 'The manager, who knows the way of requests, cannot be asked.'
  return { status: 503, headers, body: `${JSON.stringify({ title, traceId })}\n` }
}
