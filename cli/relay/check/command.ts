import type { Command } from 'commander'
import { clusterReport } from '../../check/cluster-report.ts'
import { terminal } from '../../output/terminal.ts'
import { withExamples } from '../../program/examples.ts'
import { oneOfOption } from '../../program/faults.ts'
import { configOf } from '../start/config.ts'
import { withStartOptions } from '../start/options.ts'
import type { StartOptions } from '../start/variables.ts'
import { relayChecks } from './checks.ts'
import { relayFacts } from './facts.ts'

/** Adds `relay check`. */
export function addCheck(relay: Command): void {
  const command = relay
    .command('check')
    .description(
      'Check whether a relay can run with these options: database, ports, wildcard DNS, certificate and clock.',
    )
    .addOption(oneOfOption('-o, --output <format>', 'format', ['json']))
    .action(async (options: StartOptions & { output?: 'json' }) => {
      const results = relayChecks(await relayFacts(await configOf(options, { isCheck: true })), Date.now())
      const { text, exitCode } = clusterReport(results, terminal())
      const json = `${JSON.stringify({ checks: results }, undefined, 2)}\n`
      process.stdout.write(options.output === 'json' ? json : text)
      process.exitCode = exitCode
    })
  withExamples(
    withStartOptions(command),
    ['branchline relay check --state ./relay --domain apps.example.com', 'before or while it runs'],
    ['DATABASE_URL=postgres://… branchline relay check --role coordinator', 'with a PostgreSQL of your own'],
  )
}
