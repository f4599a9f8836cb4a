import { type Client, type ClientLimits, createClient } from '@branchline/wire/circuits/client'
import { type ApiChoice, type ApiOptions, chosenApi } from './choose.ts'
import { asCliError } from './refusal.ts'

/** A relay's API, as commands use it. */
export interface RelayApi {
  readonly url: string
  /** Calls the API. Rejects with a CliError whose message says what to do. */
  call<T>(use: (client: Client) => Promise<T>): Promise<T>
}

/** A user waits for each attempt. */
const LIMITS: Partial<ClientLimits> = { attemptMs: 10_000, retryMs: [100, 500], retryAfterMs: 2_000 }

/** Uses the API of the relay that the options, the environment and this machine choose. Does not connect yet. */
export const openApi = (options: ApiOptions): RelayApi => apiOf(chosenApi(options))

/** Uses the API of a relay. */
export function apiOf(choice: ApiChoice, limits: Partial<ClientLimits> = LIMITS): RelayApi {
  const { url, key } = choice
  const client = createClient({ url, limits, agent: 'branchline-cli', ...(key !== undefined && { key }) })
  return {
    url,
    async call(use) {
      try {
        return await use(client)
      } catch (error) {
        throw asCliError(error, choice)
      }
    },
  }
}
