import type { Command } from 'commander'
import { CIRCUIT_STATUSES } from '@branchline/wire/circuits/circuit'
import { withApi, withFormat } from '../relay/api/options.ts'
import { withExamples } from '../program/examples.ts'
import { oneOfOption, parsedOption, wholeNumber } from '../program/faults.ts'
import { addCreateCommand } from './create-command.ts'
import { runForward, type RunForwardOptions } from './forward/run-forward.ts'
import { type ListOptions, runGetCircuit, runList } from './list.ts'
import { type RemoveOptions, runRemove } from './remove.ts'
import { durationOption } from './options.ts'
import { addTargetsCommands } from './targets-command.ts'

const MAX_LISTED = 100_000

/** Adds the commands for circuits of a relay. */
export function addCircuitCommands(program: Command): void {
  program.commandsGroup('Relay:')
  const circuit = program
    .command('circuit')
    .description('Work with circuits of a relay: what it routes, each with a host or a port.')
  addList(circuit)
  addGet(circuit)
  addCreateCommand(circuit)
  addRemove(circuit)
  addTargetsCommands(circuit)
  addForward(circuit)
}

function addList(circuit: Command): void {
  const command = circuit
    .command('ls')
    .description('List circuits: where they are, whether they are healthy, and why not.')
    .option('-l, --selector <labels>', 'only circuits with these labels, such as app=web,tier')
    .addOption(oneOfOption('--status <status>', 'only circuits with this status', CIRCUIT_STATUSES))
    .option('--group <name>', 'only circuits of this worker group')
    .option('--owner <owner>', 'only circuits of this owner: key:ID or cluster:CREDENTIAL/NAME')
    .option('--text <text>', 'only circuits with this text in the key, a host or the port')
    .addOption(
      parsedOption(
        '--limit <count>',
        'the most circuits to list; default: all',
        `a whole number from 1 to ${MAX_LISTED}`,
        wholeNumber(1, MAX_LISTED),
      ),
    )
    .action(async (options: ListOptions) => {
      await runList(options)
    })
  withExamples(
    withApi(withFormat(command)),
    ['branchline circuit ls', 'all circuits that your key may see'],
    ['branchline circuit ls --status UNHEALTHY', 'what is broken, and why'],
    ['branchline circuit ls -l app=notebook -o json', 'for a script'],
  )
}

function addGet(circuit: Command): void {
  const command = circuit
    .command('get')
    .description('Show everything about one circuit.')
    .argument('<circuit>', 'key of the circuit')
    .action(async (key: string, options: Parameters<typeof runGetCircuit>[1]) => {
      await runGetCircuit(key, options)
    })
  withExamples(
    withApi(withFormat(command)),
    ['branchline circuit get session-42/jupyter', 'its URL, its targets, and what is wrong with it'],
    ['branchline circuit get session-42/jupyter -o yaml > jupyter.yaml', 'a file that create -f takes'],
  )
}

function addRemove(circuit: Command): void {
  const command = circuit
    .command('rm')
    .description('Remove circuits, and free their hosts and ports.')
    .argument('<circuits...>', 'keys of circuits')
    .addOption(durationOption('--drain <duration>', 'let open connections go on for this long, such as 30s'))
    .option('--ignore-missing', 'it is no error if a circuit does not exist')
    .action(async (keys: string[], options: RemoveOptions) => {
      await runRemove(keys, options)
    })
  withExamples(
    withApi(command),
    ['branchline circuit rm session-42/jupyter', 'one circuit, at once'],
    [
      'branchline circuit rm --drain 30s session-42/jupyter session-42/ssh',
      'two, without cutting anyone off',
    ],
  )
}

function addForward(circuit: Command): void {
  const forward = circuit
    .command('forward')
    .description(
      'Listen on 127.0.0.1, and carry each connection to a circuit, for ssh, psql and the like. ' +
        'BRANCHLINE_TOKEN holds the access token.',
    )
    .argument('<circuit>', 'key of the circuit')
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
