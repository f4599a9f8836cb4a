import { z } from 'zod'
import { KubernetesError } from './errors.ts'

/** The API server's way to say no (metav1.Status). */
const status = z.looseObject({
  code: z.number().int().optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
  details: z
    .looseObject({
      retryAfterSeconds: z.number().optional(),
      causes: z.array(z.looseObject({ reason: z.string().optional() })).nullish(),
    })
    .nullish(),
})

/** Answers that the same request gets again, whenever it is sent: they are about the request. */
const FINAL = new Set([400, 404, 405, 406, 413, 415, 422])

/** What the API server refused, with its HTTP status. */
export class ApiError extends KubernetesError {
  readonly status: number
  /** The reason of the API server for programs, such as `AlreadyExists`. */
  readonly reason: string | undefined
  readonly retryAfterMs: number | undefined
  /** What stands behind the reason, such as `NamespaceTerminating`. */
  readonly causes: readonly string[]

  constructor(
    what: string,
    answer: { status: number; reason?: string; message?: string; retryAfterMs?: number; causes?: string[] },
  ) {
    super(`${what}: ${answer.status} ${answer.message ?? answer.reason ?? 'without a reason'}`, {
      retryable: !FINAL.has(answer.status),
    })
    this.name = 'ApiError'
    this.status = answer.status
    this.reason = answer.reason
    this.retryAfterMs = answer.retryAfterMs
    this.causes = answer.causes ?? []
  }
}

/**
 * The error out of an answer's body: a metav1.Status, or text of whatever stands before the API server.
 * `code` stands in where the body names none.
 */
export function toApiError(what: string, code: number, body: unknown, retryAfter?: string): ApiError {
  const parsed = status.safeParse(body)
  const said = parsed.success ? parsed.data : {}
  const seconds = said.details?.retryAfterSeconds ?? Number(retryAfter ?? Number.NaN)
  return new ApiError(what, {
    status: said.code ?? code,
    ...(said.reason === undefined ? {} : { reason: said.reason }),
    message: said.message ?? (typeof body === 'string' ? body.slice(0, 200) : undefined) ?? '',
    causes: (said.details?.causes ?? []).flatMap(({ reason }) => reason ?? []),
    ...(seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {}),
  })
}

/** Whether a resource version is too old to go on from: everything is to be listed anew (HTTP 410). */
export const isExpired = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone')
