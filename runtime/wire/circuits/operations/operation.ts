import type { z } from 'zod'
import type { ProblemName } from '../problem.ts'
import type { Scope } from '../credential.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** The prefix of all paths of the REST API. */
export const API_PREFIX = '/api/v1'

/**
 * What a caller needs: a scope of its API key; `any` valid API key; a join token; or nothing. A key with the scope
 * `admin` may do everything that needs an API key.
 */
export type Requirement = Scope | 'any' | 'join-token' | 'none'

/** The format of a response that is not JSON. */
export type Format = 'json' | 'html' | 'event-stream'

/**
 * One operation of the REST API. Routes, OpenAPI, the typed client and the test of the scopes are made from it.
 */
export interface Operation {
  readonly method: Method
  /** Path with parameters in braces, each one segment. */
  readonly path: `/${string}`
  readonly tag: string
  readonly summary: string
  readonly needs: Requirement
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly body?: z.ZodType
  /** Status of the success. */
  readonly status: 200 | 201 | 204
  /** Further statuses with the same body. */
  readonly also?: readonly number[]
  readonly response?: z.ZodType
  readonly format?: Format
  /** The response contains a secret, so that it is never stored, also not for a repeated request. */
  readonly secret?: boolean
  /** The response has an ETag, and the request may have If-Match. */
  readonly etag?: boolean
  /** Refusals, in addition to those that every operation has: {@link commonRefusals}. */
  readonly refusals?: readonly ProblemName[]
}

/** Refusals that follow from what an operation needs and takes. */
export function commonRefusals(operation: Operation): ProblemName[] {
  const names: ProblemName[] = ['invalid-request', 'internal', 'unavailable']
  if (operation.needs !== 'none') names.push('unauthorized', 'too-many-failures')
  if (operation.needs !== 'none' && operation.needs !== 'any') names.push('missing-scope', 'forbidden')
  if (operation.params !== undefined) names.push('not-found')
  if (operation.body !== undefined) names.push('too-large', 'unsupported-media-type', 'invalid-fields')
  if (acceptsIdempotencyKey(operation)) names.push('request-running', 'idempotency-key-reused')
  if (operation.etag === true && operation.method !== 'GET') names.push('precondition-failed')
  return names
}

/** Whether a repeated request is answered with the stored response: all POSTs of an API key without a secret. */
export const acceptsIdempotencyKey = ({ method, needs, secret = false }: Operation): boolean =>
  method === 'POST' && needs !== 'none' && needs !== 'join-token' && !secret
