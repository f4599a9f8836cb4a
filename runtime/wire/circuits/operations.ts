import type { z } from 'zod'
import { CIRCUIT_OPERATIONS } from './operations/circuits.ts'
import { CREDENTIAL_OPERATIONS } from './operations/credentials.ts'
import type { Operation } from './operations/operation.ts'
import { SERVICE_OPERATIONS } from './operations/service.ts'
import { WORKER_OPERATIONS } from './operations/workers.ts'

/** All operations of the REST API, by id. */
export const OPERATIONS = {
  ...CIRCUIT_OPERATIONS,
  ...WORKER_OPERATIONS,
  ...CREDENTIAL_OPERATIONS,
  ...SERVICE_OPERATIONS,
} as const satisfies Record<string, Operation>
export type Operations = typeof OPERATIONS
export type OperationId = keyof Operations

type Input<S> = S extends z.ZodType ? z.input<S> : undefined
type Output<S> = S extends z.ZodType ? z.output<S> : undefined
type Part<O, K extends PropertyKey> = K extends keyof O ? O[K] : undefined

/** What a client sends in a part of a request (`params`, `query` or `body`). */
export type Sent<K extends OperationId, P extends 'params' | 'query' | 'body'> = Input<Part<Operations[K], P>>
/** What the API has after it has parsed this part. */
export type Received<K extends OperationId, P extends 'params' | 'query' | 'body'> = Output<
  Part<Operations[K], P>
>
/** The body of the response, `undefined` if it has none. */
export type Answer<K extends OperationId> = Output<Part<Operations[K], 'response'>>
