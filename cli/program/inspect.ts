import { Argument, type Command } from 'commander'
import { runDescribe } from '../commands/describe.ts'
import { runGet } from '../commands/get.ts'
import { type GetOptions, OUTPUTS } from '../commands/list.ts'
import { type LogsOptions, runLogs } from '../commands/logs.ts'
import { type OpenOptions, runOpen } from '../commands/open.ts'
import { runStatus } from '../commands/status.ts'
import { readVersions, versionText } from '../commands/version.ts'
import type { TargetOptions } from '../target/choose.ts'
import { LISTINGS } from '../view/listings.ts'
import { withExamples } from './examples.ts'
import { oneOfOption, parsedOption, wholeNumber } from './faults.ts'
import { withNamespace, withTarget } from './target-options.ts'

const MAX_TAIL = 1_000_000

/** Adds the commands that show what runs: get, describe, logs, open, status and version. */
export function addInspectCommands(program: Command, version: string): void {
  program.commandsGroup('Inspect:')
  addStatus(program)
  addGet(program)
  addDescribe(program)
  addLogs(program)
  addOpen(program)
  addVersion(program, version)
}

function addStatus(program: Command): void {
  const command = program
    .command('status')
    .description('Show the platform, the environments and the problems on one screen.')
    .action(async (options: TargetOptions) => {
      process.stdout.write(await runStatus(options))
    })
  withExamples(
    withTarget(command),
    ['branchline status', 'the up that runs on this machine'],
    ['branchline status --context dev', 'a cluster'],
  )
}

function addGet(program: Command): void {
  const words = LISTINGS.map(({ title }) => title)
  const command = program
    .command('get')
    .description('List environments, previews, pods, or the routes of requests.')
    .addArgument(new Argument('<what>', `one of ${words.join(', ')}`))
    .argument('[names...]', 'only these')
    .option('-A, --all-namespaces', 'all namespaces, also those of the platform')
    .addOption(oneOfOption('-o, --output <format>', 'format', OUTPUTS))
    .option('-w, --watch', 'then print every change, until Ctrl-C')
    .action(async (what: string, names: string[], options: GetOptions) => {
      await runGet(what, names, options)
    })
  withExamples(
    withNamespace(command),
    ['branchline get env', 'environments, their URLs, and what is wrong with them'],
    ['branchline get pods -n alice', 'the pods of one environment'],
    ['branchline get routes', 'which environment serves each service, for each key'],
    ['branchline get previews -o json --context dev', 'for a script, from a cluster'],
    ['branchline get env -w', 'follow the environments'],
  )
}

function addDescribe(program: Command): void {
  const command = program
    .command('describe')
    .description('Show everything about one environment.')
    .argument('<what>', 'env')
    .argument('<name>', 'name of the environment')
    .action(async (what: string, name: string, options: TargetOptions) => {
      process.stdout.write(await runDescribe(what, name, options))
    })
  withExamples(withTarget(command), [
    'branchline describe env alice',
    'its conditions, previews, services and pods',
  ])
}

function addLogs(program: Command): void {
  const command = program
    .command('logs')
    .description("Print the output of a service's pods.")
    .argument(
      '<service>',
      'SERVICE of the shared environment, or SERVICE@ENVIRONMENT; or a workload or Job that has no Service',
    )
    .option('-f, --follow', 'then print further lines, also those of new pods, until Ctrl-C')
    .addOption(
      parsedOption(
        '--tail <lines>',
        'only the last lines of each pod',
        `a whole number from 0 to ${MAX_TAIL}`,
        wholeNumber(0, MAX_TAIL),
      ),
    )
    .option('-c, --container <name>', 'container; default: the first one that is not the sidecar')
    .action(async (service: string, options: LogsOptions) => {
      await runLogs(service, options)
    })
  withExamples(
    withNamespace(command),
    ['branchline logs orders', 'the output of the service orders of the shared environment'],
    ['branchline logs -f --tail 20 pricing@alice', "follow alice's version of pricing"],
    ['branchline logs pricing@alice -c branchline-sidecar', 'the output of its sidecar'],
  )
}

function addOpen(program: Command): void {
  const command = program
    .command('open')
    .description('Print the URL of a preview, and open it in the browser.')
    .argument('[preview]', 'PREVIEW@ENVIRONMENT, or one of the two; default: the only preview')
    .option('--print', 'only print the URL')
    .action(async (preview: string | undefined, options: OpenOptions) => {
      await runOpen(preview, options)
    })
  withExamples(
    withTarget(command),
    ['branchline open web@alice', 'the preview web of the environment alice'],
    ['curl "$(branchline open --print alice)"', 'its only preview, in a script'],
  )
}

function addVersion(program: Command, version: string): void {
  const command = program
    .command('version')
    .description('Print the versions of this command and of the platform.')
    .addOption(oneOfOption('-o, --output <format>', 'format', ['json']))
    .action(async (options: TargetOptions & { output?: 'json' }) => {
      const versions = await readVersions(version, options)
      process.stdout.write(
        options.output === 'json' ? `${JSON.stringify(versions, undefined, 2)}\n` : versionText(versions),
      )
    })
  withExamples(
    withTarget(command),
    ['branchline version', 'this command and the running up'],
    ['branchline version --context dev -o json', 'this command and a cluster, for a script'],
  )
}
