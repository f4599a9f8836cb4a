import type { Reply } from '../../proxy/decision.ts'
import { problemReply } from '../../proxy/problem.ts'

// Not by `import`, which loads undici, too (runtime/http1/reply.ts).
const { STATUS_CODES } = process.getBuiltinModule('node:http')

/** Why nobody answered, in a word that programs may branch on. */
export type UnavailableReason =
  | 'no-endpoint'
  | 'unreachable'
  | 'closed'
  | 'timeout'
  | 'bad-response'
  | 'too-large'

/** A request that nobody could answer. */
export interface Unavailable {
  readonly status: number
  /** The environment that should have served it. */
  readonly environment: string
  readonly service: string
  readonly reason: UnavailableReason
  /** What exactly was wrong, without an address; goes behind the sentence. */
  readonly cause?: string | undefined
  /** When the first request failed so, that none has succeeded after. */
  readonly since?: Date | undefined
}

const SENTENCES: Record<UnavailableReason, string> = {
  'no-endpoint': 'has no endpoint that is ready',
  unreachable: 'could not be reached',
  closed: 'received the request and closed the connection before it answered',
  timeout: 'did not answer in time',
  'bad-response': 'sent an answer that is not valid HTTP',
  'too-large': 'sent an answer that is too large',
}

/** The reply that says so, in the format that the client prefers. It contains no address. */
export function unavailable(problem: Unavailable, accept: string | undefined): Reply {
  const { status, environment, service, reason, cause, since } = problem
  const when = since === undefined ? '' : `, since ${since.toISOString()}`
  const because = cause === undefined ? '' : ` (${cause})`
  return problemReply(
    {
      status,
      type: 'unavailable',
      title: STATUS_CODES[status] ?? 'Bad Gateway',
      detail: `${service} of the environment ${environment} ${SENTENCES[reason]}${because}${when}.`,
      reason,
      members: { environment, service, cause, since },
    },
    accept,
  )
}
