import { randomBytes } from 'node:crypto'
import type { LocalIdentity } from '@branchline/wire/local-api'

/** The tokens of pods' ServiceAccounts: opaque, one per pod and audience, valid as long as the pod exists. */
export class Tokens {
  readonly #identities = new Map<string, LocalIdentity & { audience: string }>()

  /** Issues a token that identifies the pod to an audience. */
  issue(namespace: string, pod: string, audience: string): string {
    const token = randomBytes(32).toString('base64url')
    this.#identities.set(token, { namespace, pod, audience })
    return token
  }

  /** The pod of a token. Undefined if the token is unknown or for another audience. */
  review(token: string, audience: string): LocalIdentity | undefined {
    const identity = this.#identities.get(token)
    if (identity?.audience !== audience) return undefined
    return { namespace: identity.namespace, pod: identity.pod }
  }

  /** Makes the tokens of a pod invalid. */
  revoke(namespace: string, pod: string): void {
    for (const [token, identity] of this.#identities) {
      if (identity.namespace === namespace && identity.pod === pod) this.#identities.delete(token)
    }
  }
}
