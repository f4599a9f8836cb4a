import { printable } from '@branchline/runtime/local/printable'
import { readStdin } from '../commands/stdin.ts'
import { CliError } from '../platform/errors.ts'
import { accountFile, removeAccount, writeAccount } from './api/account.ts'
import { type ApiOptions, chosenApi } from './api/choose.ts'
import { apiOf } from './api/connect.ts'

/** Runs `branchline relay login`: asks the relay whether the key is valid, then stores both. */
export async function runLogin(options: ApiOptions & { readonly keyStdin?: boolean }): Promise<void> {
  const fromInput = options.keyStdin === true ? (await readStdin()).trim() : undefined
  const { url, key = '' } = chosenApi({ ...options, ...(fromInput !== undefined && { key: fromInput }) })
  if (key === '')
    throw new CliError(
      'BL_USAGE',
      'there is no key to store: set BRANCHLINE_API_KEY, or pipe it into branchline relay login --key-stdin',
    )
  const { name, scopes } = await apiOf({ url, key }).call((client) => client.getSelf())
  const file = accountFile()
  writeAccount(file, { api: url, key })
  process.stdout.write(
    printable(`logged in to ${url} with the key ${name} (${scopes.join(', ')}), stored in ${file}\n`),
  )
}

/** Runs `branchline relay logout`. */
export function runLogout(): void {
  const file = accountFile()
  process.stdout.write(removeAccount(file) ? `removed ${file}\n` : 'not logged in\n')
}
