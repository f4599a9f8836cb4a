import type { Command } from 'commander'
import { withExamples } from '../../program/examples.ts'
import { withStartOptions } from './options.ts'
import { runRelay, type RunRelayOptions } from './run-relay.ts'

/** Makes `branchline relay` start a relay. */
export function addStart(relay: Command, version: string): void {
  withStartOptions(relay)
    .option('--json', 'first print one line of JSON: http, api, tunnel, and key at the first start')
    .action(async (options: RunRelayOptions) => {
      await runRelay(options, version)
      process.exit()
    })
  withExamples(
    relay,
    [
      'branchline relay --state ./relay --allow-targets 127.0.0.0/8',
      'everything in one process, for apps on this machine',
    ],
    [
      'branchline relay --state ./relay --domain apps.example.com --ports 30000-30999',
      'for a team: a wildcard domain, and ports for TCP',
    ],
    [
      'DATABASE_URL=postgres://… branchline relay --role coordinator',
      'a coordinator with a PostgreSQL of your own',
    ],
    [
      'branchline relay --role worker --coordinator http://relay:6120 --join-token-file token --state ./worker',
      'a worker on another machine',
    ],
  )
}
