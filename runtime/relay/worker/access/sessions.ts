import type { DeployedSession, WorkerTable } from '@branchline/wire/circuits/table'
import { hashOf } from '@branchline/wire/circuits/secret'
import type { AccessLimits } from './limits.ts'

/**
 * The sessions of browsers: those of the table, and those that this worker has just created or ended, until the table
 * knows about them.
 */
export class Sessions {
  readonly #table: () => Pick<WorkerTable, 'sessions'>
  readonly #limits: Pick<AccessLimits, 'newSessionMs' | 'rememberedSessions'>
  readonly #created = new Map<string, { readonly session: DeployedSession; readonly untilMs: number }>()
  readonly #ended = new Set<string>()

  constructor(
    table: () => Pick<WorkerTable, 'sessions'>,
    limits: Pick<AccessLimits, 'newSessionMs' | 'rememberedSessions'>,
  ) {
    this.#table = table
    this.#limits = limits
  }

  /** The valid sessions of a circuit among these cookies' values. */
  find(circuit: string, values: readonly string[], nowMs: number): DeployedSession[] {
    return values
      .map((value) => this.#session(hashOf(value), nowMs))
      .filter((session) => session !== undefined)
      .filter((session) => session.circuit === circuit && nowMs < session.expiresAtMs)
  }

  created(session: DeployedSession, nowMs: number): void {
    bound(this.#created, this.#limits.rememberedSessions)
    this.#created.set(session.hash, { session, untilMs: nowMs + this.#limits.newSessionMs })
  }

  ended(hash: string): void {
    bound(this.#ended, this.#limits.rememberedSessions)
    this.#created.delete(hash)
    this.#ended.add(hash)
  }

  /** The sessions that this worker has ended, and the table still contains. */
  get leaving(): string[] {
    const { sessions } = this.#table()
    return [...this.#ended].filter((hash) => sessions.has(hash))
  }

  #session(hash: string, nowMs: number): DeployedSession | undefined {
    if (this.#ended.has(hash)) return undefined
    const deployed = this.#table().sessions.get(hash)
    const created = this.#created.get(hash)
    if (created === undefined) return deployed
    // From now on only the table counts: a session that it no longer contains is revoked.
    if (deployed !== undefined || nowMs >= created.untilMs) this.#created.delete(hash)
    return deployed ?? (nowMs < created.untilMs ? created.session : undefined)
  }
}

/** Makes room for one entry. The oldest entry goes. */
function bound(entries: Map<string, unknown> | Set<string>, most: number): void {
  const [oldest] = entries.keys()
  if (oldest !== undefined && entries.size >= most) entries.delete(oldest)
}
