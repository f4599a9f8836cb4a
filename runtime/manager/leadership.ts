/**
 * What a replica does. `leads`: it serves sidecars, writes statuses and deletes what has expired. `holds`: it could
 * not renew its Lease, but no other replica is known to lead, so it serves and does not write. `follows`: another
 * replica leads or none does yet, so it only watches and plans, in order to lead immediately when elected.
 */
export type Role = 'leads' | 'holds' | 'follows'

/** A part of the manager that is active only in some roles. */
export interface Part {
  readonly start?: () => void
  readonly stop?: () => void
}

/** The role of this replica. Parts register to be started and stopped when it changes. */
export class Leadership {
  #role: Role
  readonly #parts: { readonly part: Part; readonly isActive: () => boolean }[] = []

  constructor(role: Role) {
    this.#role = role
  }

  /** Whether this replica serves sidecars. */
  get serves(): boolean {
    return this.#role !== 'follows'
  }

  /** Whether this replica writes statuses and deletes what has expired. */
  get writes(): boolean {
    return this.#role === 'leads'
  }

  /** Registers a part that is active while this replica serves. Starts it now if the replica does. */
  whileServing(part: Part): void {
    this.#register(part, () => this.serves)
  }

  /** Registers a part that is active while this replica writes. Starts it now if the replica does. */
  whileWriting(part: Part): void {
    this.#register(part, () => this.writes)
  }

  /** This replica was elected. */
  lead(): void {
    this.#become('leads')
  }

  /** Another replica may lead now, but none is known to. A follower stays one. */
  hold(): void {
    if (this.#role === 'leads') this.#become('holds')
  }

  /** Another replica is known to lead, or this one has left the election. */
  follow(): void {
    this.#become('follows')
  }

  #register(part: Part, isActive: () => boolean): void {
    this.#parts.push({ part, isActive })
    if (isActive()) part.start?.()
  }

  #become(role: Role): void {
    const before = this.#parts.map(({ isActive }) => isActive())
    this.#role = role
    for (const [index, { part, isActive }] of this.#parts.entries()) {
      if (isActive() === before[index]) continue
      if (isActive()) part.start?.()
      else part.stop?.()
    }
  }
}
