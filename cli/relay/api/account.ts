import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** The relay of a user, and the key for it. */
export interface Account {
  /** URL of its API. */
  readonly api: string
  readonly key: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** The file in which `branchline relay login` keeps the account: below XDG_CONFIG_HOME, or `~/.config`. */
export const accountFile = (environment: Environment = process.env): string =>
  join(environment['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'branchline', 'relay.json')

/** Reads the account. Undefined if there is none, or if the file is not ours. */
export function readAccount(file: string): Account | undefined {
  try {
    return parseAccount(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** Parses `{ api, key }`. Undefined if the text is something else. Throws if it is no JSON. */
export function parseAccount(text: string): Account | undefined {
  const { api, key } = (JSON.parse(text) ?? {}) as Partial<Record<string, unknown>>
  const isAccount = typeof api === 'string' && URL.canParse(api) && typeof key === 'string' && key !== ''
  return isAccount ? { api, key } : undefined
}

/** Writes the account to a file that only this user can read. */
export function writeAccount(file: string, { api, key }: Account): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  // A reader sees the whole file or none.
  writeFileSync(`${file}.new`, `${JSON.stringify({ api, key })}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** Removes the account. Returns whether there was one. */
export function removeAccount(file: string): boolean {
  const existed = readAccount(file) !== undefined
  rmSync(file, { force: true })
  return existed
}
