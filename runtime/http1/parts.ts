import type { Clock } from '../proxy/clock.ts'
import type { Client, FailureReply, Observer, Route } from '../proxy/decision.ts'
import type { RequestHead } from './message/head.ts'
import type { Limits } from './limits.ts'
import type { MemoryBudget } from './memory-budget.ts'
import type { UpstreamPool } from './upstream-pool.ts'

/** A connection that carries another protocol. */
interface Upgraded {
  /** Ends it as its protocol requires, if known, within about {@link Limits.lingerMs}. */
  leave(): void
}

/** What the connections of one engine share. */
export interface EngineParts {
  readonly route: Route
  readonly failure: FailureReply | undefined
  readonly observer: Observer
  readonly refusesTrailer: ((name: string) => boolean) | undefined
  readonly limits: Limits
  /** The same for responses. */
  readonly responseLimits: Pick<Limits, 'headBytes' | 'headerCount'>
  /** The Via field lines for requests of HTTP/1.1 and HTTP/1.0; empty if there is no pseudonym. */
  readonly via: { readonly 11: string; readonly 10: string }
  readonly pool: UpstreamPool
  readonly clock: Clock
  readonly memory: MemoryBudget
  /** Stands in for the head of a request that could not be read. */
  readonly noHead: RequestHead
  /** The connections that carry another protocol. */
  readonly upgraded: Map<Client, Upgraded>
  stopping: boolean
  /** True if each connection ends with its current response, although new connections are accepted. */
  leaving: boolean
  left(connection: Client): void
}

/** True if a response is the last of its connection, independently of the client. */
export const isEnding = ({ stopping, leaving }: EngineParts): boolean => stopping || leaving
