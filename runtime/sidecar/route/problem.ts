import type { Reply } from '../../proxy/decision.ts'
import { problemReply } from '../../proxy/problem.ts'

/** Why no service responded, as a word for programs. */
export type UnavailableReason =
  | 'no-endpoint'
  | 'unreachable'
  | 'closed'
  | 'unprocessed'
  | 'timeout'
  | 'bad-response'
  | 'too-large'

/** A request that failed. */
export interface Unavailable {
  readonly status: number
  /** The environment that should have served it. */
  readonly environment: string
  readonly service: string
  readonly reason: UnavailableReason
  /** The detailed cause, without an address. It follows the sentence in parentheses. */
  readonly cause?: string | undefined
  /** When the outage began. */
  readonly since?: Date | undefined
}

const SENTENCES: Record<UnavailableReason, string> = {
  'no-endpoint': 'has no ready endpoint',
  unreachable: 'could not be reached',
  closed: 'received the request and closed the connection before it responded',
  unprocessed: 'did not process the request, and the request could not be sent again',
  timeout: 'did not respond in time',
  'bad-response': 'sent a response that is not valid HTTP',
  'too-large': 'sent a response that is too large',
}

const INVALID: ReadonlySet<UnavailableReason> = new Set<UnavailableReason>(['bad-response', 'too-large'])

/** The response to a failed request, in the format that the client prefers. It contains no address. */
export function unavailable(problem: Unavailable, accept: string | undefined): Reply {
  const { status, environment, service, reason, cause, since } = problem
  const when = since === undefined ? '' : `, since ${since.toISOString()}`
  const because = cause === undefined ? '' : ` (${cause})`
  return problemReply(
    {
      status,
      type: 'unavailable',
      title: INVALID.has(reason) ? 'The service sent an invalid response' : 'The service did not respond',
      detail: `${service} of the environment ${environment} ${SENTENCES[reason]}${because}${when}.`,
      reason,
      members: { environment, service, cause, since },
    },
    accept,
  )
}
