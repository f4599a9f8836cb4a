import { z } from 'zod'
import { KubernetesError } from './errors.ts'

/** The body of an API server's error response (metav1.Status). */
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

/** Statuses that the same request gets every time, because the request itself is wrong. */
const FINAL = new Set([400, 404, 405, 406, 413, 415, 422])

/** A request that the API server refused, with the HTTP status of the response. */
export class ApiError extends KubernetesError {
  readonly status: number
  /** The API server's machine-readable reason, such as `AlreadyExists`. */
  readonly reason: string | undefined
  readonly retryAfterMs: number | undefined
  /** More detailed reasons, such as `NamespaceTerminating`. */
  readonly causes: readonly string[]

  constructor(
    what: string,
    response: { status: number; reason?: string; message?: string; retryAfterMs?: number; causes?: string[] },
  ) {
    super(`${what}: ${response.status} ${response.message ?? response.reason ?? 'no reason given'}`, {
      retryable: !FINAL.has(response.status),
    })
    this.name = 'ApiError'
    this.status = response.status
    this.reason = response.reason
    this.retryAfterMs = response.retryAfterMs
    this.causes = response.causes ?? []
  }
}

/**
 * The error that a response's body describes: a metav1.Status, or the text of a proxy in front of the API
 * server. `code` applies if the body names no status.
 */
export function toApiError(what: string, code: number, body: unknown, retryAfter?: string): ApiError {
  const parsed = status.safeParse(body)
  const reported = parsed.success ? parsed.data : {}
  const seconds = reported.details?.retryAfterSeconds ?? Number(retryAfter ?? Number.NaN)
  return new ApiError(what, {
    status: reported.code ?? code,
    ...(reported.reason === undefined ? {} : { reason: reported.reason }),
    message: reported.message ?? (typeof body === 'string' ? body.slice(0, 200) : undefined) ?? '',
    causes: (reported.details?.causes ?? []).flatMap(({ reason }) => reason ?? []),
    ...(seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {}),
  })
}

/** Whether a resource version is too old to continue from, so that the caller must list again (HTTP 410). */
export const isExpired = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone')
