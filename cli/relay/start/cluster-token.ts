import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const BYTES = 32

/** The file in the relay's folder with the token that clusters present. */
export const clusterTokenFile = (state: string): string => join(state, 'cluster-token')

/**
 * Returns the token that clusters present to a relay: that of its folder, where the first start writes one that only
 * this user can read. Without a folder it is a new one, so that no cluster can connect.
 */
export function clusterToken(state: string | undefined): string {
  const token = randomBytes(BYTES).toString('base64url')
  if (state === undefined) return token
  const file = clusterTokenFile(state)
  mkdirSync(state, { recursive: true, mode: 0o700 })
  try {
    writeFileSync(file, `${token}\n`, { mode: 0o600, flag: 'wx' })
    return token
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return readFileSync(file, 'utf8').trim()
  }
}
