import type { FailureReply, Reply } from './decision.ts'
import type { HttpError } from './errors.ts'
import { checkField } from './grammar.ts'

/** The response to a failure if the caller provides none. */
export const plainReply = (status: number, message: string): Reply => ({
  status,
  headers: [
    ['content-type', 'text/plain; charset=utf-8'],
    // A lack of room is likely to be short.
    ...(status === 503 ? [['retry-after', '1'] as const] : []),
  ],
  body: `${message}\n`,
})

/** Returns the response to a failure: the caller's if it is valid, otherwise a plain one. */
export function failureReply(
  custom: FailureReply | undefined,
  error: HttpError,
  exchange: Parameters<FailureReply>[1],
): Reply {
  const plain = plainReply(error.status, error.message)
  // A faulty response to a failure must not cause another failure.
  try {
    const reply = custom?.(error, exchange)
    if (reply === undefined) return plain
    for (const [name, value] of reply.headers ?? []) checkField(name, value)
    return reply
  } catch {
    return plain
  }
}
