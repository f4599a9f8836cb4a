import type { Reply } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'

/** Whether a request is a CORS preflight (Fetch, 4.8), which browsers send without credentials. */
export const isPreflight = (head: Head): boolean =>
  head.method === 'OPTIONS' &&
  head.get('origin') !== undefined &&
  head.get('access-control-request-method') !== undefined

/**
 * Adds CORS fields to a reply of the relay if the request had an Origin, so that a script can read the status and the
 * problem. Such replies contain nothing that belongs to a user.
 */
export function withCors(reply: Reply, head: Head): Reply {
  const origin = head.get('origin')
  if (origin === undefined || !/^[!-+\--~]{1,512}$/.test(origin)) return reply
  const headers = (reply.headers ?? []).filter(([name]) => name !== 'vary')
  return {
    ...reply,
    headers: [
      ...headers,
      ['vary', 'accept, origin'],
      ['access-control-allow-origin', origin],
      ['access-control-allow-credentials', 'true'],
      ['access-control-expose-headers', 'www-authenticate, retry-after'],
    ],
  }
}
