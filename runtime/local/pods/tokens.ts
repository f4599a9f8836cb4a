import { randomBytes } from 'node:crypto'
import type { LocalIdentity } from '@branchline/wire/local-api'

/** The tokens of pods' ServiceAccounts: opaque, one a pod and audience, valid as long as the pod is there. */
export class Tokens {
  readonly #identities = new Map<string, LocalIdentity & { audience: string }>()

  /** A token that proves the pod to whoever expects the audience. */
  issue(namespace: string, pod: string, audience: string): string {
    const token = randomBytes(32).toString('base64url')
    this.#identities.set(token, { namespace, pod, audience })
    return token
  }

  /** Whose token it is, or undefined: nobody's, or one for another audience. */
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
