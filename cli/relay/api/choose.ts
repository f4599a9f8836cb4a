import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findRuns, type FoundRun } from '@branchline/runtime/local/runs'
import { RELAY_API_PORT } from '@branchline/wire/names'
import { CliError } from '../../platform/errors.ts'
import { type Account, accountFile, parseAccount, readAccount } from './account.ts'

/** The options by which a user names a relay. */
export interface ApiOptions {
  readonly api?: string
  readonly key?: string
}

/** The API of a relay, and the key for it, if there is one. */
export interface ApiChoice {
  readonly url: string
  readonly key?: string
}

/** What the choice depends on. */
export interface ApiSources {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly account: Account | undefined
  /** The relays of running `up`s. */
  readonly runs: readonly Account[]
}

/** The API of a relay that runs on this machine with the default ports. */
export const DEFAULT_API = `http://127.0.0.1:${RELAY_API_PORT}`

/**
 * Chooses a relay: the one that is named, otherwise that of `relay login`, otherwise that of the only running `up`,
 * otherwise the default port of this machine. A stored key goes only to the relay that it is for. Throws a
 * {@link CliError} if the URL is none.
 */
export function chooseApi(options: ApiOptions, { environment, account, runs }: ApiSources): ApiChoice {
  const known = [...(account === undefined ? [] : [account]), ...runs]
  const [run, second] = runs
  const named = options.api ?? (environment['BRANCHLINE_API'] || undefined)
  const where = options.api === undefined ? 'BRANCHLINE_API' : '--api'
  const url =
    named === undefined
      ? (account?.api ?? (second === undefined ? run?.api : undefined) ?? DEFAULT_API)
      : parseApi(named, where)
  const stored = known.find(({ api }) => new URL(api).origin === new URL(url).origin)?.key
  const key = options.key ?? (environment['BRANCHLINE_API_KEY'] || stored)
  return { url, ...(key !== undefined && { key }) }
}

function parseApi(text: string, where: string): string {
  const url = URL.parse(/^[\w.-]+:\d+$/.test(text) ? `http://${text}` : text)
  if (url !== null && /^https?:$/.test(url.protocol)) return url.origin
  throw new CliError('BL_USAGE', `${where} is "${text}": wanted a URL such as ${DEFAULT_API}`)
}

/** The file in which the relay of a running `up` says where it is. */
const fileOf = ({ socket }: FoundRun): string => join(dirname(socket), 'relay', 'relay.json')

function relaysOfRuns(): Account[] {
  return findRuns().flatMap((run) => {
    try {
      return parseAccount(readFileSync(fileOf(run), 'utf8')) ?? []
    } catch {
      // It is starting or ending.
      return []
    }
  })
}

/** Chooses a relay by what is on this machine, see {@link chooseApi}. */
export const chosenApi = (options: ApiOptions): ApiChoice =>
  chooseApi(options, {
    environment: process.env,
    account: readAccount(accountFile()),
    runs: relaysOfRuns(),
  })
