import type { Authority } from '@branchline/runtime/authority/authority'

/** What of an authority a store needs. */
export type TrustedAuthority = Pick<Authority, 'domain' | 'name' | 'file' | 'certificate'>

/** What a change did. */
export interface Outcome {
  /** Whether the store is now as wanted. */
  readonly isDone: boolean
  /** One line: what happened, or what to do. */
  readonly text: string
}

/** A store of trusted authorities: that of the system, or of a browser. */
export interface TrustStore {
  /** For people, such as `system` or `Firefox (abc.default)`. */
  readonly title: string
  has(authority: TrustedAuthority): Promise<boolean>
  /** Does nothing if it has the authority. */
  install(authority: TrustedAuthority): Promise<Outcome>
  /** Removes all authorities for a domain, also those that were replaced. Does nothing if there are none. */
  uninstall(domain: string): Promise<Outcome>
}

export const done = (text: string): Outcome => ({ isDone: true, text })
export const toDo = (text: string): Outcome => ({ isDone: false, text })
