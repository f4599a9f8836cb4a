import type { Command } from 'commander'
import { oneOfOption } from '../../program/faults.ts'
import { DEFAULT_API } from './choose.ts'

/** Adds the options that choose a relay. */
export const withApi = (command: Command): Command =>
  command
    .option(
      '--api <url>',
      `URL of the relay's API; default: BRANCHLINE_API, that of relay login, that of the running up, or ${DEFAULT_API}`,
    )
    .option('--key <key>', 'API key; other users of this machine can see it, unlike BRANCHLINE_API_KEY')

/** The formats of `-o`. */
const FORMATS = ['json', 'yaml', 'wide'] as const
export type Format = (typeof FORMATS)[number]

/** Adds `-o`. */
export const withFormat = (command: Command): Command =>
  command.addOption(oneOfOption('-o, --output <format>', 'format', FORMATS))
