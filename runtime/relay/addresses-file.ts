import { join } from 'node:path'
import { readJson, replaceFile } from '../process/private-file.ts'

const MAX_BYTES = 16_384

/** The file in the state directory in which a relay without a terminal says where it is. */
export const addressesFile = (stateDirectory: string): string => join(stateDirectory, 'relay.json')

/**
 * Writes the addresses and the owner's key, if this start has made it, to {@link addressesFile}, which only this user
 * can read. A key of an earlier start stays. Returns the path.
 */
export async function writeAddresses(
  stateDirectory: string,
  addresses: Readonly<Record<string, string>>,
): Promise<string> {
  const path = addressesFile(stateDirectory)
  const before = ((await readJson(path, MAX_BYTES)) ?? {}) as { readonly key?: unknown }
  const key = typeof before.key === 'string' ? { key: before.key } : {}
  await replaceFile(path, `${JSON.stringify({ ...key, ...addresses })}\n`)
  return path
}
