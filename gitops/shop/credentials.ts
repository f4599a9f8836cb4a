import { randomBytes } from 'node:crypto'
import { ApiObject } from 'cdk8s'
import type { Construct } from 'constructs'

/** The Secret with the password of the database. The database and its clients read it. */
export const CREDENTIALS = { secret: 'db-credentials', key: 'password' } as const

/**
 * The password of the sample's database, random for each synthesis, so that no manifest in git contains it. Set
 * `SHOP_DB_PASSWORD` if several syntheses must agree. In a real cluster a secret store writes this Secret.
 */
const password = (): string => process.env.SHOP_DB_PASSWORD ?? drawn
const drawn = randomBytes(18).toString('base64url')

/** Adds the Secret to an environment, because a pod can read only the Secrets of its namespace. */
export function credentials(environment: Construct): void {
  new ApiObject(environment, CREDENTIALS.secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: CREDENTIALS.secret },
    type: 'Opaque',
    stringData: { [CREDENTIALS.key]: password() },
  })
}
