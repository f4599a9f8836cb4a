import type { Command } from 'commander'
import { type Scope, SCOPES } from '@branchline/wire/circuits/credential'
import { withExamples } from '../program/examples.ts'
import { oneOfOption, parsedOption, repeatedOption, wholeNumber } from '../program/faults.ts'
import { CliError } from '../platform/errors.ts'
import { withApi, withFormat } from './api/options.ts'
import type { ApiOptions } from './api/choose.ts'
import {
  type ListOptions,
  type NewOptions,
  type Revocable,
  runCreateJoinToken,
  runCreateKey,
  runCreateToken,
  runListJoinTokens,
  runListKeys,
  runListTokens,
  runRevoke,
} from './credentials.ts'
import { runCreateKeyAtDatabase } from './database/create-key.ts'

/** Adds `relay key`, `relay token` and `relay join-token`. */
export function addCredentialCommands(relay: Command): void {
  addKeys(relay)
  addTokens(relay)
  addJoinTokens(relay)
}

const text = (value: string): string => value

function addKeys(relay: Command): void {
  const key = relay
    .command('key')
    .description('Work with API keys, for programs and people that manage circuits.')
  const scopes = SCOPES.join(', ')
  const create = key
    .command('create')
    .description('Create an API key, and print it once.')
    .argument('<label>', 'name of the key, to recognise it')
    .addOption(
      repeatedOption(
        '--scope <scope>',
        `what the key may do: ${scopes}; default: circuits:read and circuits:write`,
        `one of ${scopes}`,
        (one) => SCOPES.find((scope) => scope === one),
      ),
    )
    .option(
      '--expires <duration>',
      'time until it expires, such as 720h; 0s: never; default: 2160h (90 days)',
    )
    .option('--state <folder>', "write to the relay's folder instead of the API, if the owner's key is lost")
    .option('--database', 'write to the PostgreSQL of DATABASE_URL instead of the API')
    .addOption(oneOfOption('-o, --output <format>', 'format', ['json', 'yaml']))
    .action(async (name: string, options: NewKeyOptions) => {
      const { scope = ['circuits:read', 'circuits:write'], state, database = false } = options
      if (state === undefined && !database) await runCreateKey(name, { ...options, scope })
      else await runCreateKeyAtDatabase(name, { ...options, scope })
    })
  withExamples(
    withApi(create),
    ['branchline relay key create ci --expires 720h', 'for a program that manages its own circuits'],
    ['branchline relay key create prometheus --scope metrics:read', 'for service discovery'],
    ['branchline relay key create owner --scope admin --state ./relay', "if the owner's key is lost"],
  )
  addList(key, 'API keys', 'key', runListKeys)
  addRevoke(key, 'key', 'Revoke an API key at once. Its circuits stay.')
}

type NewKeyOptions = NewOptions & {
  readonly scope?: readonly Scope[]
  readonly state?: string
  readonly database?: boolean
}

function addTokens(relay: Command): void {
  const token = relay
    .command('token')
    .description('Work with access tokens, for visitors and machines that use circuits.')
  const create = token
    .command('create')
    .description('Create an access token, and print it once.')
    .argument('<label>', 'name of the token, to recognise it')
    .addOption(
      repeatedOption(
        '--circuit <circuit>',
        'circuit that it opens; default: all of the organization',
        'a key',
        text,
      ),
    )
    .option('--expires <duration>', 'time until it expires, such as 12h; 0s: never; default: 720h (30 days)')
    .addOption(oneOfOption('-o, --output <format>', 'format', ['json', 'yaml']))
    .action(async (name: string, options: Parameters<typeof runCreateToken>[1]) => {
      await runCreateToken(name, options)
    })
  withExamples(
    withApi(create),
    ['branchline relay token create alice --circuit session-42/jupyter --expires 12h', 'for one circuit'],
    ['export BRANCHLINE_TOKEN=$(branchline relay token create laptop)', 'for circuit forward'],
  )
  addList(token, 'access tokens', 'token', runListTokens)
  addRevoke(token, 'token', 'Revoke an access token and its sessions at once.')
}

function addJoinTokens(relay: Command): void {
  const token = relay
    .command('join-token')
    .description('Work with join tokens, with which workers join a coordinator.')
  const create = token
    .command('create')
    .description('Create a join token, and print it once.')
    .argument('<label>', 'name of the token, to recognise it')
    .option('--group <name>', 'group of the workers; default: default')
    .addOption(
      parsedOption(
        '--uses <count>',
        'how many workers may join with it; default: any number',
        'a whole number from 1 to 100000',
        wholeNumber(1, 100_000),
      ),
    )
    .option('--expires <duration>', 'time until it expires; 0s: never; default: 24h')
    .addOption(oneOfOption('-o, --output <format>', 'format', ['json', 'yaml']))
    .action(async (name: string, options: Parameters<typeof runCreateJoinToken>[1]) => {
      await runCreateJoinToken(name, options)
    })
  withExamples(withApi(create), [
    'branchline relay join-token create workers > join-token',
    'a file for --join-token-file',
  ])
  addList(token, 'join tokens', 'join-token', runListJoinTokens)
  addRevoke(token, 'join-token', 'Revoke a join token. Workers that have joined stay.')
}

function addList(
  parent: Command,
  what: string,
  name: string,
  run: (options: ListOptions) => Promise<void>,
): void {
  const command = parent
    .command('list')
    .alias('ls')
    .description(`List ${what}, without their secrets.`)
    .action(async (options: ListOptions) => {
      await run(options)
    })
  withExamples(withApi(withFormat(command)), [`branchline relay ${name} list`, 'with their ids'])
}

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function addRevoke(parent: Command, kind: Revocable, description: string): void {
  const command = parent
    .command('revoke')
    .description(description)
    .argument('<id>', `its id, which branchline relay ${kind} list shows`)
    .action(async (id: string, options: ApiOptions) => {
      if (!ID.test(id))
        throw new CliError('BL_USAGE', `"${id}" is not an id: branchline relay ${kind} list shows them`)
      await runRevoke(kind, id, options)
    })
  withExamples(withApi(command), [
    `branchline relay ${kind} revoke 5f0c7a52-8f3e-4c39-9a43-2f8e3c6f6a11`,
    'at once',
  ])
}
