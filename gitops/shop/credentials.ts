import { randomBytes } from 'node:crypto'
import { ApiObject } from 'cdk8s'
import type { Construct } from 'constructs'

/** The Secret from which the database, and those who use it, take its password. */
export const CREDENTIALS = { secret: 'db-credentials', key: 'password' } as const

/**
 * The password of the sample's database, for one synthesis: no manifest in git has it. `SHOP_DB_PASSWORD`
 * says it where syntheses must agree; in a real cluster a secret store writes this Secret.
 */
const password = (): string => process.env.SHOP_DB_PASSWORD ?? drawn
const drawn = randomBytes(18).toString('base64url')

/** Adds the Secret to an environment: a pod can only read those of its own namespace. */
export function credentials(environment: Construct): void {
  new ApiObject(environment, CREDENTIALS.secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: CREDENTIALS.secret },
    type: 'Opaque',
    stringData: { [CREDENTIALS.key]: password() },
  })
}
