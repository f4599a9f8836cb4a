import type { FailureReply, Reply } from './decision.ts'
import type { HttpError } from './errors.ts'
import { checkField } from './grammar.ts'

/** The response to a failure when the caller has no better one. */
export const plainReply = (status: number, message: string): Reply => ({
  status,
  headers: [
    ['content-type', 'text/plain; charset=utf-8'],
    // What has no room now is likely to have some soon.
    ...(status === 503 ? [['retry-after', '1'] as const] : []),
  ],
  body: `${message}\n`,
})

/** The response to a failure: the caller's if it has one that can be sent, otherwise a plain one. */
export function failureReply(
  custom: FailureReply | undefined,
  error: HttpError,
  exchange: Parameters<FailureReply>[1],
): Reply {
  const plain = plainReply(error.status, error.message)
  // A faulty response to a failure must not become the next failure.
  try {
    const reply = custom?.(error, exchange)
    if (reply === undefined) return plain
    for (const [name, value] of reply.headers ?? []) checkField(name, value)
    return reply
  } catch {
    return plain
  }
}
