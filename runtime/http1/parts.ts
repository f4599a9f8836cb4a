import type { Clock } from '../proxy/clock.ts'
import type { Client, FailureReply, Observer, Route } from '../proxy/decision.ts'
import type { RequestHead } from './message/head.ts'
import type { Limits } from './limits.ts'
import type { MemoryBudget } from './memory-budget.ts'
import type { UpstreamPool } from './upstream-pool.ts'

/** A connection that has become another protocol's. */
export interface Upgraded {
  /** Ends it as its protocol has it, as far as that is known, within about {@link Limits.lingerMs}. */
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
  /** The Via field lines for requests of HTTP/1.1 and of HTTP/1.0; empty where we do not name ourselves. */
  readonly via: { readonly 11: string; readonly 10: string }
  readonly pool: UpstreamPool
  readonly clock: Clock
  readonly memory: MemoryBudget
  /** Stands for the head of a request that could not be read. */
  readonly noHead: RequestHead
  /** The connections that are another protocol's now. */
  readonly upgraded: Map<Client, Upgraded>
  stopping: boolean
  /** Whether connections are to end with the answer that they get, though new ones are taken. */
  leaving: boolean
  left(connection: Client): void
}

/** Whether an answer is to be the last of its connection, whatever its client wants. */
export const isEnding = ({ stopping, leaving }: EngineParts): boolean => stopping || leaving
