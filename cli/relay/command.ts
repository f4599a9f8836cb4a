import type { Command } from 'commander'
import { withExamples } from '../program/examples.ts'
import { oneOfOption } from '../program/faults.ts'
import type { ApiOptions } from './api/choose.ts'
import { withApi, withFormat } from './api/options.ts'
import { addCheck } from './check/command.ts'
import { addCredentialCommands } from './credentials-command.ts'
import { addDatabaseCommands } from './database/command.ts'
import { runLogin, runLogout } from './login.ts'
import { addStart } from './start/command.ts'
import { runRelayStatus } from './status.ts'
import { runWorkerAction, runWorkers, type WorkerAction } from './workers.ts'

/** Adds `branchline relay`, which starts a relay, and its subcommands, which manage one. */
export function addRelayCommands(program: Command, version: string): void {
  const relay = program
    .command('relay')
    .description('Start a relay, or work with one that runs.')
    .usage('[options] | [command]')
    // `--api` is a port of a new relay, and the URL of a running one.
    .enablePositionalOptions()
  addStart(relay, version)
  addStatus(relay)
  addWorkers(relay)
  addCredentialCommands(relay)
  addLogin(relay)
  addDatabaseCommands(relay)
  addCheck(relay)
}

function addStatus(relay: Command): void {
  const command = relay
    .command('status')
    .description('Show the state of a relay on one screen: its parts, workers, clusters, and what is wrong.')
    .addOption(oneOfOption('-o, --output <format>', 'format', ['json', 'yaml']))
    .action(async (options: Parameters<typeof runRelayStatus>[0]) => {
      await runRelayStatus(options)
    })
  withExamples(withApi(command), ['branchline relay status', 'the relay that the key is for'])
}

const ACTIONS: readonly (readonly [WorkerAction, string])[] = [
  ['cordon', 'Give a worker no further circuits. It keeps those that it has.'],
  ['uncordon', 'End the cordon or the drain of a worker.'],
  ['drain', 'Let the open connections of a worker end, and send new ones to other workers of its group.'],
]

function addWorkers(relay: Command): void {
  const list = relay
    .command('workers')
    .description('List workers: their state and their load.')
    .option('--group <name>', 'only workers of this group')
    .action(async (options: Parameters<typeof runWorkers>[0]) => {
      await runWorkers(options)
    })
  withExamples(withApi(withFormat(list)), ['branchline relay workers -o wide', 'with addresses and versions'])
  for (const [action, description] of ACTIONS) addAction(relay, action, action, description)
  addAction(relay, 'remove-worker', 'rm', 'Remove a worker, and revoke its credential. Circuits stay.')
}

function addAction(relay: Command, name: string, action: WorkerAction, description: string): void {
  const command = relay
    .command(name)
    .description(description)
    .argument('<worker>', 'name or id of the worker')
    .action(async (worker: string, options: ApiOptions) => {
      await runWorkerAction(action, worker, options)
    })
  withExamples(withApi(command), [`branchline relay ${name} worker-2`, 'one worker'])
}

function addLogin(relay: Command): void {
  const login = relay
    .command('login')
    .description('Check an API key, and store it with the URL of its relay in a file that only you can read.')
    .option('--key-stdin', 'read the key from standard input')
    .action(async (options: Parameters<typeof runLogin>[0]) => {
      await runLogin(options)
    })
  withExamples(withApi(login), [
    'branchline relay login --api https://relay.example.com --key-stdin < key',
    'then other commands use this relay',
  ])
  const logout = relay
    .command('logout')
    .description('Remove the stored key.')
    .action(() => {
      runLogout()
    })
  withExamples(logout, [
    'branchline relay logout',
    'the relay of up, or of this machine, is the default again',
  ])
}
