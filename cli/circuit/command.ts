import type { Command } from 'commander'
import { withExamples } from '../program/examples.ts'
import { parsedOption, wholeNumber } from '../program/faults.ts'
import { runForward, type RunForwardOptions } from './forward/run-forward.ts'

/** Adds the commands for circuits of a relay. */
export function addCircuitCommands(program: Command): void {
  program.commandsGroup('Relay:')
  const circuit = program.command('circuit').description('Work with circuits of a relay.')
  const forward = circuit
    .command('forward')
    .description(
      'Listen on 127.0.0.1, and carry each connection to a circuit, for ssh, psql and the like. ' +
        'BRANCHLINE_TOKEN holds the access token.',
    )
    .argument('<key>', 'key of the circuit')
    .addOption(
      parsedOption(
        '--local <port>',
        'port on 127.0.0.1; default: any free port',
        'a whole number from 0 to 65535',
        wholeNumber(0, 65_535),
      ),
    )
    .option(
      '--relay <url>',
      'URL at which visitors reach the relay; default: BRANCHLINE_RELAY_URL, or http://localhost:8080',
    )
    .option('--token-file <file>', 'file that holds the access token, instead of BRANCHLINE_TOKEN')
    .action(async (key: string, options: RunForwardOptions) => {
      await runForward(key, options)
    })
  withExamples(
    forward,
    ['branchline circuit forward shop/db --local 5432', 'then psql -h 127.0.0.1'],
    ['branchline circuit forward session-42/ssh --local 2222', 'then ssh -p 2222 127.0.0.1'],
  )
}
