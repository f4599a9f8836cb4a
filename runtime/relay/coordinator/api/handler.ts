import type { Answer, OperationId, Received } from '@branchline/wire/circuits/operations'
import type { CallerKey } from '../access/keys.ts'
import type { ApiServices } from './services.ts'

/** A parsed request. */
export interface Call<K extends OperationId> {
  readonly services: ApiServices
  readonly params: Received<K, 'params'>
  readonly query: Received<K, 'query'>
  readonly body: Received<K, 'body'>
  /** The holder of the API key. Only operations that need one may use it. */
  readonly caller: CallerKey
  /** The bearer token. */
  readonly token: string
  readonly ifMatch: number | undefined
  readonly requestId: string
  readonly request: Request
}

/** What an operation answers. */
export interface Result<K extends OperationId> {
  readonly body: Answer<K>
  /** Default: the operation's. */
  readonly status?: number
  /** Version of the circuit, for the ETag. */
  readonly version?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** The function of an operation. A Response is for formats other than JSON. */
export type Handler<K extends OperationId> = (call: Call<K>) => Promise<Result<K> | Response>
/** The functions of some operations, by id. */
export type Handlers<K extends OperationId = OperationId> = { readonly [P in K]: Handler<P> }
